// All deals and listings of a show, with the units of each variant and what staff can do.

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { Desk, Turn } from "../link/desk";
import { byOpening, phase, stockOf, type Phase } from "../pure/deals";
import { pick } from "../pure/language";
import type { DealLine, DealView } from "../wire";
import "./countdown";
import { boardStyles } from "./deal-board-styles";
import { icon, type IconName } from "./icons";
import { base, Part } from "./part";
import "./picture";
import "./price";

const ORDER: readonly Phase[] = ["open", "paused", "planned", "sold_out", "closed"];
const CLOSED_MAX = 10;

/** Fires "turn" with {deal, turn}. */
@customElement("dc-deal-board")
export class DealBoard extends Part {
  @property({ attribute: false }) desk: Desk | null = null;
  /** Opening is the host's. */
  @property({ type: Boolean }) opens = false;

  static override styles = [base, boardStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener("over", () => this.requestUpdate());
  }

  override render(): TemplateResult | typeof nothing {
    const { desk } = this;
    if (desk === null) return nothing;
    this.watch(desk.show, "board");
    this.watch(desk.show.clock, "change");
    const deals = this.#sorted(desk);
    if (deals.length === 0) {
      return html`<div class="empty" data-testid="deals-empty">
        <svg viewBox="0 0 64 48" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round" aria-hidden="true">
          <path d="M8 8h48v32H8ZM8 18h48M20 18v22M44 18v22" />
        </svg>
        <strong>${this.t.deals_empty}</strong>${this.opens ? this.t.deals_empty_more : nothing}
      </div>`;
    }
    return html`<ul>
      ${repeat(
        deals,
        (deal) => deal.id,
        (deal) => this.#deal(deal, desk),
      )}
    </ul>`;
  }

  #sorted({ show }: Desk): DealView[] {
    const now = show.clock.now();
    const rank = (deal: DealView): number =>
      ORDER.indexOf(phase(show.board, deal, now)) + (deal.kind === "deal" ? 0 : ORDER.length);
    const planned = (deal: DealView): boolean => phase(show.board, deal, now) === "planned";
    // The next to open first; of the others the latest.
    const byTime = (a: DealView, b: DealView): number =>
      planned(a) ? byOpening(a, b) : (b.opens_at ?? 0) - (a.opens_at ?? 0);
    const all = Object.values(show.board.deals).sort(
      (a, b) => rank(a) - rank(b) || byTime(a, b) || (a.id < b.id ? 1 : -1),
    );
    const closed = all.filter((deal) => deal.status === "closed").slice(0, CLOSED_MAX);
    return [...all.filter((deal) => deal.status !== "closed"), ...closed];
  }

  #deal(deal: DealView, { show }: Desk): TemplateResult {
    const now = phase(show.board, deal, show.clock.now());
    const words: Record<Phase, string> = {
      planned: this.t.planned,
      open: this.t.open,
      paused: this.t.paused,
      sold_out: this.t.sold_out,
      closed: this.t.closed,
    };
    const name = pick(deal.product.title, this.speaking.language);
    return html`<li data-phase=${now} data-testid="deal-row-${deal.id}">
      <div class="head">
        <dc-picture .src=${deal.product.image}></dc-picture>
        <div class="name">
          <h3>${name}</h3>
          <p>
            <span class="status" data-is=${now} data-testid="status-${deal.id}">${words[now]}</span>
            <span>${deal.kind === "deal" ? this.t.flash : this.t.listing}</span>
            ${this.#clock(deal, now)}
          </p>
          ${deal.reason && deal.status !== "open"
            ? html`<p class="why" data-testid="reason-${deal.id}">${this.t.because(this.t.reason, deal.reason)}</p>`
            : nothing}
        </div>
        <div class="acts">${this.#acts(deal, name)}</div>
      </div>
      ${deal.status === "closed" && now === "closed" ? nothing : this.#table(deal)}
    </li>`;
  }

  #clock(deal: DealView, now: Phase): TemplateResult | typeof nothing {
    const until = now === "planned" ? deal.opens_at : now === "closed" ? null : deal.closes_at;
    if (until === null) return nothing;
    const label = now === "planned" ? this.t.opens_in : this.t.closes_in;
    return html`<span class="clock"
      >${label}
      <dc-countdown
        testid="countdown-${deal.id}"
        .clock=${this.desk?.show.clock ?? null}
        .until=${until}
        .label=${label}
      ></dc-countdown
    ></span>`;
  }

  #table(deal: DealView): TemplateResult {
    return html`<table class="num">
      <thead>
        <tr>
          <th scope="col">${this.t.variant}</th>
          <th scope="col">${this.t.price}</th>
          <th scope="col">${this.t.allot}</th>
          <th scope="col">${this.t.free}</th>
          <th scope="col">${this.t.held}</th>
          <th scope="col">${this.t.sold}</th>
          <td></td>
        </tr>
      </thead>
      <tbody>
        ${deal.lines.map((line) => this.#line(deal, line))}
      </tbody>
    </table>`;
  }

  #line(deal: DealView, line: DealLine): TemplateResult | typeof nothing {
    const board = this.desk?.show.board;
    if (board === undefined) return nothing;
    const { free, held, sold } = stockOf(board, deal, line.variant);
    const all = free + held + sold;
    const part = (n: number): string => `width:${all === 0 ? 0 : (n / all) * 100}%`;
    return html`<tr data-testid="stock-${deal.id}-${line.variant}">
      <th scope="row">${pick(line.title, this.speaking.language)}</th>
      <td><dc-price .money=${line.price}></dc-price></td>
      <td>${all}</td>
      <td data-testid="free-${deal.id}-${line.variant}" class=${free === 0 ? "none" : ""}>${free}</td>
      <td data-testid="held-${deal.id}-${line.variant}">${held}</td>
      <td data-testid="sold-${deal.id}-${line.variant}">${sold}</td>
      <td class="bar" aria-hidden="true">
        <div><i class="sold" style=${part(sold)}></i><i class="held" style=${part(held)}></i></div>
      </td>
    </tr>`;
  }

  #acts(deal: DealView, name: string): TemplateResult[] {
    const can: Record<DealView["status"], Turn[]> = {
      planned: this.opens ? ["open", "close"] : ["close"],
      open: ["pause", "close"],
      paused: ["resume", "close"],
      closed: [],
    };
    const words: Record<Turn, [string, IconName]> = {
      open: [this.t.deal_open, "play"],
      pause: [this.t.deal_pause, "pause"],
      resume: [this.t.deal_resume, "play"],
      close: [this.t.deal_close, "stop"],
    };
    return can[deal.status].map(
      (turn) => html`<button
        class="button small ${turn === "open" || turn === "resume" ? "main" : ""}"
        data-testid="${turn}-${deal.id}"
        aria-label="${words[turn][0]} ${name}"
        @click=${() => this.tell("turn", { deal: deal.id, turn })}
      >
        ${icon(words[turn][1])}${words[turn][0]}
      </button>`,
    );
  }
}
