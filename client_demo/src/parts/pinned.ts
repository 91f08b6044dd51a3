// The product that the host is talking about.

import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Show } from "../link/show";
import { dealOf, dealsOf, nextTurn, onlyVariantName, phase, type Phase } from "../pure/deals";
import { pick } from "../pure/language";
import type { ProductCard } from "../wire";
import { icon } from "./icons";
import { base, Part } from "./part";
import "./picture";
import "./price";

/** Timers take no more than this. */
const WAIT_MAX_MS = 3_600_000;

/** Fires "choose-deal" with the deal or listing that sells it. */
@customElement("dc-pinned")
export class Pinned extends Part {
  @property({ attribute: false }) show: Show | null = null;
  @property({ attribute: false }) product: ProductCard | null = null;
  #timer = 0;

  static override styles = [
    base,
    css`
      article {
        display: grid;
        gap: var(--s-1);
        padding: var(--s-1);
        border-radius: var(--r-2);
        background: var(--surface);
        color: var(--ink);
        box-shadow: var(--lift-1);
      }
      .live {
        display: flex;
        align-items: center;
        gap: 0.25rem;
        color: var(--price);
        font-size: var(--size-1);
        font-weight: 600;
        line-height: 1.3;
      }
      .live svg {
        width: 1em;
        height: 1em;
      }
      h2 {
        overflow: hidden;
        font-size: var(--size-2);
        font-weight: 600;
        line-height: 1.35;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .about {
        display: grid;
        gap: 0.1rem;
        min-width: 0;
        padding: 0 var(--s-1);
      }
      dc-price {
        font-size: var(--size-3);
      }
      .note {
        overflow: hidden;
        color: var(--ink-2);
        font-size: var(--size-1);
        line-height: 1.35;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .button {
        margin-top: var(--s-1);
        padding: 0 var(--s-2);
        font-size: var(--size-2);
      }
      :host([wide]) article {
        grid-template-columns: 4.5rem minmax(0, 1fr) auto;
        align-items: center;
        gap: var(--s-3);
        padding: var(--s-2);
        border: 1px solid var(--edge);
        box-shadow: none;
      }
      :host([wide]) .button {
        min-width: 4.5rem;
        margin: 0;
      }
    `,
  ];

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  /** Deals open and close by the clock, whether or not an event has come yet. */
  override updated(changed: PropertyValues): void {
    super.updated(changed);
    clearTimeout(this.#timer);
    const { show, product } = this;
    if (show === null || product === null) return;
    const now = show.clock.now();
    const next = nextTurn(dealsOf(show.board, product.id), now);
    if (next === null) return;
    const wait = Math.min(next - now + 1, WAIT_MAX_MS);
    this.#timer = setTimeout(() => this.requestUpdate(), wait);
  }

  override render(): TemplateResult | typeof nothing {
    const { show, product } = this;
    if (show === null || product === null) return nothing;
    this.watch(show, "board");
    this.watch(show.clock, "change");
    const { language } = this.speaking;
    const deal = dealOf(show.board, product.id, show.clock.now());
    const now = deal === null ? "closed" : phase(show.board, deal, show.clock.now());
    const variant = deal === null ? "" : onlyVariantName(deal, language);
    const over = deal === null && dealsOf(show.board, product.id).length > 0;
    const words: Record<Phase, string> = {
      open: this.t.buy_plain,
      planned: this.t.buy_soon,
      paused: this.t.paused,
      sold_out: this.t.sold_out,
      closed: this.t.closed,
    };
    return html`<article data-testid="pinned" data-product=${product.id}>
      <dc-picture .src=${product.image}></dc-picture>
      <div class="about">
        <p class="live">${icon("pin", true)}${this.t.pinned}</p>
        <h2>${pick(product.title, language)}</h2>
        ${variant === "" ? nothing : html`<p class="note" title=${variant}>${variant}</p>`}
        ${over ? html`<p class="note" data-testid="pinned-over">${this.t.closed}</p>` : nothing}
        ${deal === null ? nothing : html`<dc-price .money=${deal.lines[0]?.price ?? null}></dc-price>`}
      </div>
      ${deal === null
        ? nothing
        : html`<button
            class="button main"
            data-testid="pinned-buy"
            ?disabled=${now !== "open"}
            @click=${() => this.tell("choose-deal", deal.id)}
          >
            ${words[now]}
          </button>`}
    </article>`;
  }
}
