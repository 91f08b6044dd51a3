// The orders of a show as they come, and how many came in each minute.

import { css, html, nothing, svg, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { Desk } from "../link/desk";
import { pick } from "../pure/language";
import { perMinute } from "../pure/turnover";
import type { OrderView } from "../wire";
import { base, Part } from "./part";
import "./price";

const SHOWN_MAX = 100;
const MINUTES = 30;
const REDRAW_MS = 30_000;

@customElement("dc-orders-table")
export class OrdersTable extends Part {
  @property({ attribute: false }) desk: Desk | null = null;
  #timer = 0;

  static override styles = [
    base,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 0;
      }
      figure {
        margin: 0;
        padding: var(--s-3) var(--s-4);
        border-bottom: 1px solid var(--edge);
      }
      figcaption {
        margin-bottom: var(--s-1);
        color: var(--ink-2);
        font-size: var(--size-1);
      }
      figure svg {
        display: block;
        width: 100%;
        height: 3rem;
      }
      .scroll {
        flex: 1;
        min-height: 0;
        overflow-y: auto;
      }
      li {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr) auto;
        gap: 0 var(--s-3);
        align-items: baseline;
        padding: var(--s-2) var(--s-4);
        font-size: var(--size-2);
      }
      li + li {
        border-top: 1px solid var(--edge);
      }
      li[data-new] {
        animation: come 1.6s var(--ease);
      }
      time {
        color: var(--ink-2);
      }
      strong {
        overflow: hidden;
        font-weight: 600;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .what {
        grid-column: 2;
        overflow: hidden;
        color: var(--ink-2);
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .status {
        justify-self: end;
      }
      dc-price {
        justify-content: end;
        --price: var(--ink);
        font-size: var(--size-3);
      }
      li[data-state="cancelled"] dc-price {
        text-decoration: line-through;
        --price: var(--ink-3);
      }
      @keyframes come {
        from {
          background: var(--amber-soft);
        }
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    this.#timer = setInterval(() => this.requestUpdate(), REDRAW_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#timer);
  }

  override render(): TemplateResult | typeof nothing {
    const { desk } = this;
    if (desk === null) return nothing;
    this.watch(desk, "change");
    const { orders } = desk;
    if (orders.length === 0) {
      return html`<div class="empty" data-testid="orders-empty">
        <svg viewBox="0 0 56 56" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round" aria-hidden="true">
          <path d="M14 6h28v44l-7-5-7 5-7-5-7 5V6ZM21 18h14M21 27h14" />
        </svg>
        <strong>${this.t.orders_empty}</strong>${this.t.orders_empty_more}
      </div>`;
    }
    return html`${this.#chart(orders, desk.show.clock.now())}
      <ol class="scroll" tabindex="0" aria-label=${this.t.orders} data-testid="orders" aria-live="polite" aria-relevant="additions">
        ${repeat(
          orders.slice(0, SHOWN_MAX),
          (order) => order.id,
          (order) => this.#row(order),
        )}
      </ol>`;
  }

  #chart(orders: readonly OrderView[], now: number): TemplateResult {
    const counts = perMinute(orders, now, MINUTES);
    const most = Math.max(1, ...counts);
    const width = 300 / MINUTES;
    return html`<figure>
      <figcaption>${this.t.per_minute}</figcaption>
      <svg viewBox="0 0 300 40" preserveAspectRatio="none" aria-hidden="true">
        ${counts.map((count, i) => {
          const high = count === 0 ? 1 : Math.max(2, (count / most) * 40);
          return svg`<rect
            x=${i * width + 0.75}
            y=${40 - high}
            width=${width - 1.5}
            height=${high}
            rx="1"
            fill=${count === 0 ? "var(--edge)" : "var(--cobalt)"} />`;
        })}
      </svg>
    </figure>`;
  }

  #row(order: OrderView): TemplateResult {
    const language = this.speaking.language;
    const words = {
      confirmed: this.t.order_confirmed,
      paid: this.t.order_paid,
      cancelled: this.t.order_cancelled,
    };
    const board = this.desk?.show.board;
    const what = order.lines
      .map((line) => {
        const product = pick(board?.deals[line.deal]?.product.title, language);
        const variant = pick(line.title, language);
        const name = product === "" || product === variant ? variant : `${product} ${variant}`;
        return `${line.quantity} × ${name}`;
      })
      .join("、");
    const young = Date.now() - order.at < 5000;
    return html`<li
      class="num"
      data-testid="order-${order.id}"
      data-state=${order.state}
      ?data-new=${young}
    >
      <time datetime=${new Date(order.at).toISOString()}>${clock(order.at, language)}</time>
      <strong>${order.name}</strong>
      <dc-price .money=${order.total}></dc-price>
      <span class="what" title=${what}>${what}</span>
      <span class="status" data-is=${order.state}>${words[order.state]}</span>
    </li>`;
  }
}

function clock(at: number, language: string): string {
  return new Date(at).toLocaleTimeString(language, { hour12: false });
}
