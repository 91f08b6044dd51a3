// The catalog beside the host: find, pin, list, or make a deal of a product.

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { Desk } from "../link/desk";
import { pick } from "../pure/language";
import type { ProductView } from "../wire";
import { icon } from "./icons";
import { base, Part } from "./part";
import "./picture";
import "./price";

/** Fires "make" with {product, kind}, and "pin" with {product, pin}. */
@customElement("dc-product-shelf")
export class ProductShelf extends Part {
  @property({ attribute: false }) desk: Desk | null = null;
  @state() private find = "";

  static override styles = [
    base,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 0;
      }
      .find {
        position: relative;
        padding: var(--s-3);
        border-bottom: 1px solid var(--edge);
      }
      .find svg {
        position: absolute;
        left: 1.375rem;
        top: 50%;
        color: var(--ink-3);
        transform: translateY(-50%);
      }
      .find input {
        padding-left: 2.25rem;
      }
      ul {
        flex: 1;
        min-height: 0;
        overflow-y: auto;
      }
      li {
        display: grid;
        grid-template-columns: 3.25rem minmax(0, 1fr);
        gap: 0 var(--s-3);
        align-items: center;
        padding: var(--s-3);
      }
      li + li {
        border-top: 1px solid var(--edge);
      }
      h3 {
        overflow: hidden;
        font-size: var(--size-3);
        font-weight: 600;
        line-height: 1.35;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .facts {
        display: flex;
        align-items: baseline;
        gap: var(--s-2);
        color: var(--ink-2);
        font-size: var(--size-2);
      }
      dc-price {
        --price: var(--ink);
        font-size: var(--size-2);
      }
      .acts {
        grid-column: 1 / -1;
        display: flex;
        gap: var(--s-2);
        margin-top: var(--s-2);
      }
      .acts .button {
        flex: 1;
      }
      .acts .pin {
        flex: none;
        width: 2.125rem;
        padding: 0;
      }
      .pin[aria-pressed="true"] {
        border-color: transparent;
        background: var(--seal-soft);
        color: var(--price);
      }
    `,
  ];

  override render(): TemplateResult | typeof nothing {
    const { desk } = this;
    if (desk === null) return nothing;
    this.watch(desk, "change");
    this.watch(desk.show, "board");
    const shown = this.#found(desk.products);
    return html`<div class="find">
        ${icon("search")}
        <input
          class="input"
          type="search"
          data-testid="find-product"
          aria-label=${this.t.products_find}
          placeholder=${this.t.products_find}
          .value=${this.find}
          @input=${(event: Event) => (this.find = (event.target as HTMLInputElement).value)}
        />
      </div>
      ${shown.length === 0 && desk.stocked
        ? html`<div class="empty">
            <strong
              >${desk.products.length === 0 ? this.t.products_empty : this.t.products_none}</strong
            >${desk.products.length === 0 ? this.t.products_empty_more : nothing}
          </div>`
        : nothing}
      <ul>
        ${repeat(
          shown,
          (product) => product.id,
          (product) => this.#row(product, desk),
        )}
      </ul>`;
  }

  #found(products: readonly ProductView[]): ProductView[] {
    const words = this.find.trim().toLowerCase();
    if (words === "") return [...products];
    const says = (product: ProductView): string =>
      [...Object.values(product.title), ...product.tags, ...Object.values(product.seller.name)]
        .join(" ")
        .toLowerCase();
    return products.filter((product) => says(product).includes(words));
  }

  #row(product: ProductView, { show }: Desk): TemplateResult {
    const currency = show.board.show?.currency ?? "";
    const prices = product.variants.flatMap((one) =>
      one.prices.filter((price) => price.currency === currency),
    );
    const least = prices.toSorted((a, b) => a.amount - b.amount)[0] ?? null;
    const free = product.variants.reduce((sum, one) => sum + one.stock, 0);
    const pinned = show.board.pins.some((one) => one.id === product.id);
    const name = pick(product.title, this.speaking.language);
    const make = (kind: "deal" | "listing"): void => this.tell("make", { product, kind });
    return html`<li data-testid="product-${product.id}">
      <dc-picture .src=${product.image}></dc-picture>
      <div>
        <h3>${name}</h3>
        <p class="facts num">
          ${least === null
            ? html`<span class="wrong">${this.t.no_price(currency)}</span>`
            : html`<dc-price .money=${least}></dc-price>`}
          <span>${this.t.stock_free(free)}</span>
        </p>
      </div>
      <div class="acts">
        <button
          class="button small"
          data-testid="new-deal-${product.id}"
          ?disabled=${least === null || free === 0}
          aria-label="${this.t.deal_new} ${name}"
          @click=${() => make("deal")}
        >
          ${this.t.deal_new}
        </button>
        <button
          class="button small"
          data-testid="list-${product.id}"
          ?disabled=${least === null || free === 0}
          aria-label="${this.t.listing_new} ${name}"
          @click=${() => make("listing")}
        >
          ${this.t.listing_new}
        </button>
        <button
          class="button small pin"
          data-testid="pin-${product.id}"
          aria-pressed=${pinned}
          aria-label="${pinned ? this.t.unpin : this.t.pin} ${name}"
          title=${pinned ? this.t.unpin : this.t.pin}
          @click=${() => this.tell("pin", { product: product.id, pin: !pinned })}
        >
          ${icon("pin", pinned)}
        </button>
      </div>
    </li>`;
  }
}
