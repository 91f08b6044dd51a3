// Choosing before buying: a picture, the variants, how many.

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Bag } from "../link/bag";
import type { Show } from "../link/show";
import { firstVariant, onlyVariantName, phase, stockOf } from "../pure/deals";
import type { DealView } from "../wire";
import type { Choice } from "./chooser";
import "./chooser";
import { base, Part } from "./part";
import "./picture";
import "./price";
import "./stock-bar";

/** Fires "buy" with {deal, variant, quantity}. */
@customElement("dc-buy-sheet")
export class BuySheet extends Part {
  @property({ attribute: false }) show: Show | null = null;
  @property({ attribute: false }) bag: Bag | null = null;
  @property({ attribute: false }) deal: DealView | null = null;
  @state() private chosen: Choice | null = null;

  static override styles = [
    base,
    css`
      :host {
        display: grid;
        gap: var(--s-4);
      }
      .goods {
        display: grid;
        grid-template-columns: 6.5rem minmax(0, 1fr);
        align-items: center;
        gap: var(--s-4);
      }
      .about {
        display: grid;
        gap: var(--s-2);
      }
      dc-price {
        font-size: var(--size-6);
      }
      .tags {
        display: flex;
        flex-wrap: wrap;
        gap: var(--s-1);
      }
      .act {
        display: flex;
        flex-wrap: wrap;
        gap: var(--s-3);
      }
      .act .button {
        flex: 1;
        font-size: var(--size-4);
      }
      small {
        color: var(--ink-2);
        font-size: var(--size-2);
      }
    `,
  ];

  override render(): TemplateResult | typeof nothing {
    const { show, bag, deal } = this;
    if (show === null || bag === null || deal === null) return nothing;
    this.watch(show, "board");
    this.watch(bag, "change");
    const variant = firstVariant(show.board, deal);
    const first = this.chosen ?? (variant === null ? null : { variant, quantity: 1 });
    const may = bag.mayHave(deal);
    const choice = first && { ...first, quantity: Math.min(first.quantity, may) };
    const line = deal.lines.find((one) => one.variant === choice?.variant);
    if (choice === null || line === undefined) return nothing;
    const now = phase(show.board, deal, show.clock.now());
    const stock = stockOf(show.board, deal, choice.variant);
    const busy = bag.busy.has(deal.id);
    const had = bag.hasAll(deal);
    const name = onlyVariantName(deal, this.speaking.language);
    const words = {
      open: busy ? this.t.buying : had ? this.t.have_yours : this.t.buy_plain,
      planned: this.t.buy_soon,
      paused: this.t.paused,
      sold_out: this.t.sold_out_long,
      closed: this.t.closed,
    };
    return html`<div class="goods">
        <dc-picture .src=${deal.product.image}></dc-picture>
        <div class="about">
          ${name === "" ? nothing : html`<small>${name}</small>`}
          <dc-price
            .money=${line.price}
            .reference=${deal.kind === "deal" ? line.reference_price : null}
          ></dc-price>
          <p class="tags">
            ${deal.product.tags.map((tag) => html`<span class="tag">${tag}</span>`)}
          </p>
          <small class="num"
            >${this.t.left(stock.free)} · ${this.t.per_buyer(deal.per_buyer_max)}</small
          >
        </div>
      </div>
      <div class="act">
        <dc-chooser
          wrap
          .deal=${deal}
          .board=${show.board}
          .choice=${choice}
          .max=${may}
          @choose=${(event: CustomEvent<Choice>) => (this.chosen = event.detail)}
        ></dc-chooser>
        <button
          class="button ${had ? "" : "main"}"
          ?data-yours=${had}
          data-testid="confirm-buy-${deal.id}"
          ?disabled=${now !== "open" || busy || stock.free === 0}
          aria-busy=${busy}
          @click=${() => this.tell("buy", { deal: deal.id, ...choice })}
        >
          ${now === "open" && stock.free === 0 ? this.t.sold_out : words[now]}
        </button>
      </div>`;
  }
}
