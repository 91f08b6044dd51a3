// The flash deal in front: counting down, selling, paused, sold out or over.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Bag } from "../link/bag";
import type { Show } from "../link/show";
import {
  firstVariant,
  onlyVariantName,
  phase,
  stockOf,
  stockOfAll,
  type Phase,
} from "../pure/deals";
import { pick } from "../pure/language";
import type { DealView } from "../wire";
import type { Choice } from "./chooser";
import "./chooser";
import "./countdown";
import { icon } from "./icons";
import { base, Part } from "./part";
import "./picture";
import "./price";
import "./stock-bar";
import { cardStyles } from "./deal-card-styles";

/** Fires "buy" with {deal, variant, quantity}. */
@customElement("dc-deal-card")
export class DealCard extends Part {
  @property({ attribute: false }) show: Show | null = null;
  @property({ attribute: false }) bag: Bag | null = null;
  @property({ attribute: false }) deal: DealView | null = null;
  @state() private chosen: (Choice & { deal: string }) | null = null;
  @state() private aloud = "";
  #was: { deal: string; phase: Phase } | null = null;
  #timer = 0;

  static override styles = [base, cardStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener("over", () => this.requestUpdate());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  #choice(deal: DealView): Choice | null {
    const { show, bag, chosen } = this;
    if (show === null || bag === null) return null;
    if (chosen?.deal === deal.id) {
      return { ...chosen, quantity: Math.min(chosen.quantity, bag.mayHave(deal)) };
    }
    const variant = firstVariant(show.board, deal);
    return variant === null ? null : { variant, quantity: 1 };
  }

  override render(): TemplateResult | typeof nothing {
    const { show, bag, deal } = this;
    if (show === null || bag === null || deal === null) return nothing;
    this.watch(show, "board");
    this.watch(show.clock, "change");
    this.watch(bag, "change");
    const now = phase(show.board, deal, show.clock.now());
    this.#announce(deal, now, show);
    const choice = this.#choice(deal);
    const line = deal.lines.find((one) => one.variant === choice?.variant) ?? deal.lines[0];
    return html`<article data-phase=${now} data-testid="deal-${deal.id}" data-deal=${deal.id}>
      <header>
        <h2>${icon("bolt", true)}<span>${this.t.flash}</span></h2>
        ${this.#clock(deal, now)}
      </header>
      <div class="goods">
        <dc-picture .src=${deal.product.image}></dc-picture>
        <div class="about">
          <h3>${pick(deal.product.title, this.speaking.language)}</h3>
          ${this.#terms(deal, now)}
          ${line === undefined
            ? nothing
            : html`<dc-price .money=${line.price} .reference=${line.reference_price}></dc-price>`}
          ${this.#left(deal, now, choice)}
        </div>
        ${now === "sold_out" ? this.#stamp(deal) : nothing}
      </div>
      <div class="act">
        ${now === "open" || now === "planned"
          ? html`<dc-chooser
              .deal=${deal}
              .board=${show.board}
              .choice=${choice}
              .max=${bag.mayHave(deal)}
              @choose=${(event: CustomEvent<Choice>) =>
                (this.chosen = { ...event.detail, deal: deal.id })}
            ></dc-chooser>`
          : nothing}
        ${this.#button(deal, now, choice)}
      </div>
      <p class="unseen" aria-live="assertive">${this.aloud}</p>
    </article>`;
  }

  #clock(deal: DealView, now: Phase): TemplateResult | typeof nothing {
    const clock = this.show?.clock ?? null;
    const until = now === "planned" ? deal.opens_at : now === "closed" ? null : deal.closes_at;
    if (now === "planned" && until === null) {
      return html`<p class="clock"><span>${this.t.opens_by_hand}</span></p>`;
    }
    if (now === "closed") return html`<p class="clock"><span>${this.t.closed}</span></p>`;
    if (until === null) return nothing;
    const label = now === "planned" ? this.t.opens_in : this.t.closes_in;
    return html`<p class="clock">
      <span>${label}</span>
      <dc-countdown
        fine
        testid="countdown-${deal.id}"
        .clock=${clock}
        .until=${until}
        .label=${label}
      ></dc-countdown>
    </p>`;
  }

  /** What the price is for, and how many one may have of it. */
  #terms(deal: DealView, now: Phase): TemplateResult | typeof nothing {
    const variant = onlyVariantName(deal, this.speaking.language);
    // What is planned says the limit beside the units.
    const limit = now === "planned" || now === "closed" ? "" : this.t.per_buyer(deal.per_buyer_max);
    const words = [variant, limit].filter((text) => text !== "");
    if (words.length === 0) return nothing;
    return html`<p class="note num" data-testid="terms-${deal.id}">${words.join(" · ")}</p>`;
  }

  #left(deal: DealView, now: Phase, choice: Choice | null): TemplateResult | typeof nothing {
    const board = this.show?.board;
    if (board === undefined) return nothing;
    if (now === "closed") {
      const why = deal.status === "closed" ? deal.reason : null;
      if (!why) return nothing;
      return html`<p class="note">${this.t.because(this.t.closed, why)}</p>`;
    }
    if (now === "planned") {
      const { free } = stockOfAll(board, deal);
      return html`<p class="note num">
        <span data-testid="stock-left-${deal.id}" data-left=${free}>${this.t.left(free)}</span>
        · ${this.t.per_buyer(deal.per_buyer_max)}
      </p>`;
    }
    if (now === "paused") {
      return html`<p class="note">
        ${deal.reason ? this.t.paused_why(deal.reason) : this.t.paused}
      </p>`;
    }
    const all = stockOfAll(board, deal);
    const stock =
      choice === null || deal.lines.length === 1 || now === "sold_out"
        ? all
        : stockOf(board, deal, choice.variant);
    return html`<dc-stock-bar .stock=${stock} data-for=${deal.id}></dc-stock-bar>
      ${now === "sold_out" && all.held > 0
        ? html`<p class="note">${this.t.all_held}</p>`
        : nothing}`;
  }

  #stamp(deal: DealView): TemplateResult {
    return html`<p class="stamp" data-testid="sold-out-${deal.id}">${this.t.sold_out}</p>`;
  }

  #button(deal: DealView, now: Phase, choice: Choice | null): TemplateResult {
    const busy = this.bag?.busy.has(deal.id) ?? false;
    // It can still be pressed: the server counts, and says in words that this is all.
    const had = this.bag?.hasAll(deal) ?? false;
    const words: Record<Phase, string> = {
      open: had ? this.t.have_yours : this.t.buy,
      planned: this.t.buy_soon,
      paused: this.t.paused,
      sold_out: this.t.sold_out_long,
      closed: this.t.closed,
    };
    return html`<button
      class="button buy ${had ? "" : "main"}"
      ?data-yours=${had}
      data-testid="buy-${deal.id}"
      ?disabled=${now !== "open" || busy || choice === null}
      aria-busy=${busy}
      @click=${() => choice !== null && this.tell("buy", { deal: deal.id, ...choice })}
    >
      ${busy ? this.t.buying : words[now]}
    </button>`;
  }

  /** For those who do not see the countdown: a minute before, ten seconds, and now. */
  #announce(deal: DealView, now: Phase, show: Show): void {
    clearTimeout(this.#timer);
    const was = this.#was;
    this.#was = { deal: deal.id, phase: now };
    if (was?.deal === deal.id && was.phase !== now) {
      const words = { open: this.t.opens_now, sold_out: this.t.sold_out_long } as const;
      const text = now in words ? words[now as keyof typeof words] : "";
      if (text !== "") queueMicrotask(() => (this.aloud = text));
    }
    if (now !== "planned" || deal.opens_at === null) return;
    const rest = deal.opens_at - show.clock.now();
    const at = [60, 10].find((seconds) => rest > seconds * 1000);
    if (at === undefined) return;
    this.#timer = setTimeout(() => {
      this.aloud = this.t.opens_soon_aloud(at);
    }, rest - at * 1000);
  }
}
