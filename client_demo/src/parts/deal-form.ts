// The host's form for a deal or a listing of one product.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Desk } from "../link/desk";
import { pick } from "../pure/language";
import { format, parse, part, saving, sign, step, typed } from "../pure/money";
import { isWrong, LIMITS, terms, type Entry, type LineEntry, type Wrong } from "../pure/terms";
import type { Money, ProductView, VariantView } from "../wire";
import { formStyles } from "./deal-form-styles";
import { base, Part } from "./part";
import "./picture";

export interface Making {
  product: ProductView;
  kind: "deal" | "listing";
}

/** What a flash deal is proposed to cost, in per cent of the ordinary price. */
const FLASH_PERCENT = 80;
const DEFAULTS = { deal: 20, listing: 50 } as const;

/** Fires "made" when the deal is there, "refused" with the answer when it is not. */
@customElement("dc-deal-form")
export class DealForm extends Part {
  @property({ attribute: false }) desk: Desk | null = null;
  @property({ attribute: false }) making: Making | null = null;
  @state() private entry: Entry | null = null;
  @state() private wrong: Wrong = new Set();
  @state() private busy = false;

  static override styles = [base, formStyles];

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has("making") || this.making === null || this.desk === null) return;
    const currency = this.desk.show.board.show?.currency ?? "";
    const { product, kind } = this.making;
    const priced = product.variants.filter((one) => priceOf(one, currency) !== null);
    const lines = priced.map((variant): LineEntry => {
      const ordinary = priceOf(variant, currency);
      const price = kind === "deal" && ordinary ? part(ordinary, FLASH_PERCENT) : ordinary;
      return {
        variant: variant.id,
        use: variant.stock > 0,
        price: price === null ? "" : typed(price),
        quantity: String(Math.min(DEFAULTS[kind], variant.stock)),
        stock: variant.stock,
      };
    });
    this.wrong = new Set();
    this.busy = false;
    this.entry = {
      kind,
      currency,
      lines,
      perBuyer: kind === "deal" ? "2" : "10",
      holdS: "180",
      opening: "in",
      opensInS: "60",
      opensAt: "",
      runS: "300",
    };
  }

  override render(): TemplateResult | typeof nothing {
    const { making, entry } = this;
    if (making === null || entry === null) return nothing;
    return html`<form
      novalidate
      data-testid="deal-form"
      @submit=${(event: Event) => {
        event.preventDefault();
        void this.#send(making, entry);
      }}
    >
      <div class="product">
        <dc-picture .src=${making.product.image}></dc-picture>
        <p>
          <strong>${pick(making.product.title, this.speaking.language)}</strong>
          <span>${pick(making.product.seller.name, this.speaking.language)}</span>
        </p>
      </div>
      ${this.#lines(making.product, entry)}
      ${this.wrong.has("lines") ? html`<p class="wrong">${this.t.bad_lines}</p>` : nothing}
      ${entry.kind === "deal" ? this.#opening(entry) : nothing}
      <div class="row">
        ${this.#number("per-buyer", this.t.per_buyer_max, "perBuyer", LIMITS.perBuyer)}
        ${this.#number("hold", this.t.hold_s, "holdS", LIMITS.holdS)}
        ${entry.kind === "deal" && entry.opening !== "hand"
          ? this.#number("run", this.t.run_s, "runS", LIMITS.runS)
          : nothing}
      </div>
      <button class="button main" data-testid="form-submit" ?disabled=${this.busy}>
        ${entry.kind === "deal" ? this.t.deal_create : this.t.listing_create}
      </button>
    </form>`;
  }

  #lines(product: ProductView, entry: Entry): TemplateResult {
    return html`<table class="num">
      <thead>
        <tr>
          <th scope="col">${this.t.variant}</th>
          <th scope="col">${this.t.price_in(sign(entry.currency))}</th>
          <th scope="col">${this.t.allot}</th>
        </tr>
      </thead>
      <tbody>
        ${entry.lines.map((line) => this.#line(product, entry, line))}
      </tbody>
    </table>`;
  }

  #line(product: ProductView, entry: Entry, line: LineEntry): TemplateResult | typeof nothing {
    const variant = product.variants.find((one) => one.id === line.variant);
    if (variant === undefined) return nothing;
    const set = (change: Partial<LineEntry>): void => {
      const lines = entry.lines.map((one) => (one === line ? { ...one, ...change } : one));
      this.entry = { ...entry, lines };
    };
    const ordinary = priceOf(variant, entry.currency);
    const name = pick(variant.title, this.speaking.language);
    const [badPrice, badQuantity] = ["price", "quantity"].map((field) =>
      this.wrong.has(`${field}-${line.variant}`),
    );
    return html`<tr>
      <th scope="row">
        <label>
          <input
            type="checkbox"
            data-testid="form-use-${line.variant}"
            .checked=${line.use}
            ?disabled=${line.stock === 0}
            @change=${(event: Event) => set({ use: (event.target as HTMLInputElement).checked })}
          />
          <span>${name}<small>${this.t.stock_free(line.stock)}</small></span>
        </label>
      </th>
      <td>
        <input
          class="input"
          inputmode="decimal"
          data-testid="form-price-${line.variant}"
          aria-label="${this.t.price} ${name}"
          aria-invalid=${badPrice ?? false}
          ?disabled=${!line.use}
          .value=${line.price}
          @input=${(event: Event) => set({ price: (event.target as HTMLInputElement).value })}
        />
        <small
          >${badPrice
            ? html`<span class="wrong">${this.t.bad_price(this.#step(entry.currency))}</span>`
            : ordinary === null
              ? nothing
              : this.#against(line, ordinary)}</small
        >
      </td>
      <td>
        <input
          class="input"
          inputmode="numeric"
          data-testid="form-quantity-${line.variant}"
          aria-label="${this.t.allot} ${name}"
          aria-invalid=${badQuantity ?? false}
          ?disabled=${!line.use}
          .value=${line.quantity}
          @input=${(event: Event) => set({ quantity: (event.target as HTMLInputElement).value })}
        />
        ${badQuantity
          ? html`<small class="wrong">${this.t.bad_number(1, line.stock)}</small>`
          : nothing}
      </td>
    </tr>`;
  }

  /** The ordinary price, and what one saves by it with what is typed. */
  #against(line: LineEntry, ordinary: Money): TemplateResult {
    const price = parse(line.price, ordinary.currency);
    const off = price === null ? 0 : saving(price, ordinary);
    return html`${this.t.reference} <span class="amount">${format(ordinary)}</span> ${off > 0
        ? html`<span class="off" data-testid="form-saving-${line.variant}"
            >${this.t.saving(off)}</span
          >`
        : nothing}`;
  }

  #step(currency: string): string {
    return typed({ amount: step(currency), currency });
  }

  #opening(entry: Entry): TemplateResult {
    const ways = [
      ["in", this.t.opening_in],
      ["at", this.t.opening_at],
      ["hand", this.t.opening_hand],
    ] as const;
    return html`<div class="opening">
      <fieldset>
        <legend>${this.t.opening}</legend>
        <div class="ways">
          ${ways.map(
            ([way, name]) =>
              html`<label>
                <input
                  type="radio"
                  name="opening"
                  data-testid="form-opening-${way}"
                  .checked=${entry.opening === way}
                  @change=${() => (this.entry = { ...entry, opening: way })}
                /><span>${name}</span></label
              >`,
          )}
        </div>
      </fieldset>
      ${entry.opening === "in"
        ? this.#number("opens-in", this.t.opens_in_s, "opensInS", LIMITS.opensInS)
        : nothing}
      ${entry.opening === "at"
        ? html`<label class="field"
            >${this.t.opens_at}
            <input
              class="input"
              type="datetime-local"
              step="1"
              data-testid="form-opens-at"
              .value=${entry.opensAt}
              @input=${(event: Event) =>
                (this.entry = { ...entry, opensAt: (event.target as HTMLInputElement).value })}
            />
            ${this.wrong.has("opens-at")
              ? html`<span class="wrong">${this.t.bad_time}</span>`
              : nothing}
          </label>`
        : nothing}
    </div>`;
  }

  #number(
    id: string,
    name: string,
    field: "perBuyer" | "holdS" | "opensInS" | "runS",
    [low, high]: readonly [number, number],
  ): TemplateResult {
    const bad = this.wrong.has(id);
    return html`<label class="field"
      >${name}
      <input
        class="input num"
        inputmode="numeric"
        data-testid="form-${id}"
        aria-invalid=${bad}
        placeholder=${field === "runS" ? this.t.run_none : ""}
        .value=${this.entry?.[field] ?? ""}
        @input=${(event: Event) => {
          const { value } = event.target as HTMLInputElement;
          if (this.entry !== null) this.entry = { ...this.entry, [field]: value };
        }}
      />
      ${bad ? html`<span class="wrong">${this.t.bad_number(low, high)}</span>` : nothing}
    </label>`;
  }

  async #send({ product }: Making, entry: Entry): Promise<void> {
    if (this.desk === null || this.busy) return;
    const result = terms(entry, this.desk.show.clock.now());
    if (isWrong(result)) {
      this.wrong = result;
      return;
    }
    this.wrong = new Set();
    this.busy = true;
    const answer = await this.desk.act("deal_create", { product: product.id, ...result });
    this.busy = false;
    if (answer.ok) this.tell("made");
    else this.tell("refused", answer);
  }
}

function priceOf(variant: VariantView, currency: string) {
  return variant.prices.find((price) => price.currency === currency) ?? null;
}
