// The bag: what is held, how long still, and one checkout for all of it.

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { Bag } from "../link/bag";
import type { Show } from "../link/show";
import { pick } from "../pure/language";
import { format, times, total } from "../pure/money";
import type { BagHold } from "../wire";
import "./countdown";
import { icon } from "./icons";
import { base, Part } from "./part";
import "./picture";
import "./price";

/** Fires "remove" with a hold id, "checkout", and "go-on" with the address to pay at. */
@customElement("dc-bag-sheet")
export class BagSheet extends Part {
  @property({ attribute: false }) show: Show | null = null;
  @property({ attribute: false }) bag: Bag | null = null;

  static override styles = [
    base,
    css`
      ul {
        display: grid;
      }
      li {
        display: grid;
        grid-template-columns: 4rem minmax(0, 1fr) auto;
        align-items: center;
        gap: var(--s-1) var(--s-3);
        padding: var(--s-3) 0;
      }
      li:first-child {
        padding-top: 0;
      }
      li + li {
        border-top: 1px solid var(--edge);
      }
      .about {
        display: grid;
        gap: 0.15rem;
        min-width: 0;
      }
      h3 {
        overflow: hidden;
        font-size: var(--size-3);
        font-weight: 600;
        line-height: 1.35;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .what {
        color: var(--ink-2);
        font-size: var(--size-2);
      }
      .timer {
        display: inline-flex;
        align-items: center;
        gap: var(--s-1);
        color: var(--amber);
        font-size: var(--size-2);
        font-weight: 600;
      }
      .remove {
        color: var(--ink-2);
      }
      .sum {
        display: flex;
        align-items: baseline;
        justify-content: space-between;
        margin-top: var(--s-2);
        padding-top: var(--s-3);
        border-top: 2px solid var(--ink);
        font-weight: 600;
      }
      .sum dc-price {
        font-size: var(--size-5);
      }
      .acts {
        display: grid;
        gap: var(--s-2);
        margin-top: var(--s-4);
      }
      .acts .button {
        font-size: var(--size-4);
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener("over", () => this.requestUpdate());
  }

  override render(): TemplateResult | typeof nothing {
    const { show, bag } = this;
    if (show === null || bag === null) return nothing;
    this.watch(bag, "change");
    this.watch(show.clock, "change");
    if (bag.holds.length === 0) {
      return html`<div class="empty" data-testid="bag-empty">
        <svg viewBox="0 0 64 64" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round" aria-hidden="true">
          <path d="M12 22h40l3 34H9l3-34ZM22 28v-8a10 10 0 0 1 20 0v8" />
        </svg>
        <strong>${this.t.bag_empty}</strong>${this.t.bag_empty_more}
      </div>`;
    }
    const held = bag.holds.filter((hold) => hold.state === "held");
    return html`<ul>
        ${repeat(
          bag.holds,
          (hold) => hold.hold,
          (hold) => this.#row(hold, show, bag),
        )}
      </ul>
      ${this.#sum(bag.holds)}
      <div class="acts">${this.#go(bag)} ${held.length > 0 ? this.#checkout(bag) : nothing}</div>`;
  }

  #row(held: BagHold, show: Show, bag: Bag): TemplateResult {
    const { hold, product, title, quantity, price, state } = held;
    const language = this.speaking.language;
    const name = pick(product.title, language);
    const variant = pick(title, language);
    const busy = bag.busy.has(hold);
    return html`<li data-testid="hold" data-hold=${hold} data-deal=${held.deal}>
      <dc-picture .src=${product.image}></dc-picture>
      <div class="about">
        <h3>${name}</h3>
        <p class="what num">${variant === name ? "" : `${variant} · `}${format(price)} × ${quantity}</p>
        ${state === "paying"
          ? html`<p class="timer">${this.t.hold_paying}</p>`
          : this.#timer(held, show)}
      </div>
      ${state === "held"
        ? html`<button
            class="button quiet small remove"
            data-testid="remove-${hold}"
            ?disabled=${busy}
            aria-label="${this.t.remove} ${name}"
            @click=${() => this.tell("remove", hold)}
          >
            ${busy ? this.t.removing : this.t.remove}
          </button>`
        : nothing}
    </li>`;
  }

  #timer(held: BagHold, show: Show): TemplateResult {
    const view = show.board.deals[held.deal];
    if (held.expires_at <= show.clock.now()) {
      return html`<p class="timer">${icon("clock")}${this.t.hold_over}</p>`;
    }
    return html`<p class="timer">
      <dc-countdown
        testid="hold-timer-${held.hold}"
        .clock=${show.clock}
        .until=${held.expires_at}
        .label=${this.t.hold_left}
        .urgent=${30}
        .whole=${(view?.hold_s ?? 300) * 1000}
      ></dc-countdown>
    </p>`;
  }

  #sum(holds: readonly BagHold[]): TemplateResult | typeof nothing {
    const currency = holds[0]?.price.currency;
    if (currency === undefined) return nothing;
    const sum = total(
      currency,
      holds.map((hold) => times(hold.price, hold.quantity)),
    );
    return html`<p class="sum">
      <span>${this.t.total}</span>
      <dc-price testid="bag-total" .money=${sum}></dc-price>
    </p>`;
  }

  #go(bag: Bag): TemplateResult | typeof nothing {
    const { payUrl } = bag;
    if (payUrl === null) return nothing;
    return html`<button
      class="button"
      data-testid="pay-go-on"
      @click=${() => this.tell("go-on", payUrl)}
    >
      ${this.t.pay_go_on}
    </button>`;
  }

  #checkout(bag: Bag): TemplateResult {
    const busy = bag.busy.has("checkout");
    return html`<button
      class="button main"
      data-testid="checkout"
      ?disabled=${busy}
      aria-busy=${busy}
      @click=${() => this.tell("checkout")}
    >
      ${busy ? this.t.checking_out : this.t.checkout}
    </button>`;
  }
}
