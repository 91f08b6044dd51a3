// All that the show sells: deals first, then listings at their ordinary price.

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { Bag } from "../link/bag";
import type { Show } from "../link/show";
import { byOpening, onlyVariantName, phase, stockOfAll, type Phase } from "../pure/deals";
import { pick } from "../pure/language";
import type { DealView } from "../wire";
import "./countdown";
import { base, Part } from "./part";
import "./picture";
import "./price";

const ORDER: readonly Phase[] = ["open", "paused", "planned", "sold_out", "closed"];

/**
 * What a tray shows: deals that are not over, listings that are for sale, and last what
 * the host will open by hand, nobody knows when.
 */
export function onTray(show: Show): DealView[] {
  const now = show.clock.now();
  const is = (deal: DealView): Phase => phase(show.board, deal, now);
  const all = Object.values(show.board.deals).filter((deal) => is(deal) !== "closed");
  const rank = (deal: DealView): number => {
    if (is(deal) === "planned" && deal.opens_at === null) return 20;
    return (deal.kind === "deal" ? 0 : 10) + ORDER.indexOf(is(deal));
  };
  return all.sort((a, b) => rank(a) - rank(b) || byOpening(a, b) || (a.id < b.id ? -1 : 1));
}

/** Fires "choose-deal" with a deal id: there is more to choose; "buy" otherwise. */
@customElement("dc-tray")
export class Tray extends Part {
  @property({ attribute: false }) show: Show | null = null;
  @property({ attribute: false }) bag: Bag | null = null;
  /** The deal that a card shows already, whose Buy is there. */
  @property() featured = "";

  static override styles = [
    base,
    css`
      ul {
        display: grid;
        gap: var(--s-1);
      }
      li {
        display: grid;
        grid-template-columns: 4.5rem minmax(0, 1fr) auto;
        align-items: center;
        gap: var(--s-3);
        padding: var(--s-2) 0;
      }
      li + li {
        border-top: 1px solid var(--edge);
      }
      .about {
        display: grid;
        gap: 0.2rem;
        min-width: 0;
      }
      h3 {
        display: -webkit-box;
        overflow: hidden;
        font-size: var(--size-3);
        font-weight: 600;
        line-height: 1.35;
        -webkit-box-orient: vertical;
        -webkit-line-clamp: 2;
      }
      .tags {
        display: flex;
        flex-wrap: wrap;
        gap: var(--s-1);
        align-items: center;
        color: var(--ink-2);
        font-size: var(--size-1);
      }
      dc-price {
        font-size: var(--size-4);
      }
      .note {
        color: var(--ink-2);
        font-size: var(--size-2);
        line-height: 1.35;
      }
      .why {
        color: var(--amber);
      }
      .button {
        min-width: 4.5rem;
        padding: 0 var(--s-3);
      }
      .flash {
        border-color: transparent;
        background: var(--seal-soft);
        color: var(--price);
        font-weight: 650;
      }
      li[data-phase="sold_out"] dc-picture {
        filter: saturate(0.35);
        opacity: 0.7;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener("over", () => this.requestUpdate());
  }

  override render(): TemplateResult | typeof nothing {
    const { show, bag } = this;
    if (show === null) return nothing;
    this.watch(show, "board");
    this.watch(show.clock, "change");
    this.watch(bag, "change");
    const deals = onTray(show);
    if (deals.length === 0) {
      return html`<div class="empty" data-testid="tray-empty">
        <svg viewBox="0 0 80 56" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true">
          <path d="M8 22h64l-6 28H14L8 22ZM20 22 30 4h20l10 18M40 4v18M30 36h20" stroke-linejoin="round" />
        </svg>
        <strong>${this.t.tray_empty}</strong>${this.t.tray_empty_more}
      </div>`;
    }
    return html`<ul data-testid="tray">
      ${repeat(
        deals,
        (deal) => deal.id,
        (deal) => this.#row(deal, show),
      )}
    </ul>`;
  }

  #row(deal: DealView, show: Show): TemplateResult {
    const now = phase(show.board, deal, show.clock.now());
    const line = deal.lines[0];
    const { free } = stockOfAll(show.board, deal);
    const { language } = this.speaking;
    const variant = onlyVariantName(deal, language);
    return html`<li data-phase=${now} data-testid="row-${deal.id}">
      <dc-picture .src=${deal.product.image}></dc-picture>
      <div class="about">
        <h3>${pick(deal.product.title, language)}</h3>
        ${variant === "" ? nothing : html`<p class="note">${variant}</p>`}
        <p class="tags num">
          ${deal.kind === "deal"
            ? html`<span class="tag flash">${this.t.flash}</span>`
            : nothing}
          ${deal.product.tags.slice(0, 2).map((tag) => html`<span class="tag">${tag}</span>`)}
          ${now === "open" && free <= 10 ? html`<span>${this.t.left(free)}</span>` : nothing}
        </p>
        ${line === undefined
          ? nothing
          : html`<dc-price
              .money=${line.price}
              .reference=${deal.kind === "deal" ? line.reference_price : null}
            ></dc-price>`}
        ${now === "paused" && deal.reason
          ? html`<p class="note why" data-testid="why-${deal.id}">
              ${this.t.because(this.t.reason, deal.reason)}
            </p>`
          : nothing}
      </div>
      ${this.#button(deal, now)}
    </li>`;
  }

  #button(deal: DealView, now: Phase): TemplateResult {
    const busy = this.bag?.busy.has(deal.id) ?? false;
    const had = this.bag?.hasAll(deal) ?? false;
    const words: Record<Phase, string | TemplateResult> = {
      open: busy ? this.t.buying : had ? this.t.have_yours : this.t.buy_plain,
      paused: this.t.paused,
      planned:
        deal.opens_at === null
          ? this.t.soon
          : html`<dc-countdown
              .clock=${this.show?.clock ?? null}
              .until=${deal.opens_at}
              .label=${this.t.opens_in}
            ></dc-countdown>`,
      sold_out: this.t.sold_out,
      closed: this.t.closed,
    };
    const testid = deal.id === this.featured ? `row-buy-${deal.id}` : `buy-${deal.id}`;
    return html`<button
      class="button ${now === "open" && !had ? "main" : ""}"
      ?data-yours=${had}
      data-testid=${testid}
      ?disabled=${now !== "open" || busy}
      @click=${() => this.#buy(deal)}
    >
      ${words[now]}
    </button>`;
  }

  #buy(deal: DealView): void {
    const line = deal.lines[0];
    if (deal.lines.length === 1 && line !== undefined) {
      this.tell("buy", { deal: deal.id, variant: line.variant, quantity: 1 });
    } else this.tell("choose-deal", deal.id);
  }
}
