// Who just bought: one tick at a time, as the ledger told the show.

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Tick } from "../pure/board";
import { icon } from "./icons";
import { base, Part } from "./part";

const STANDS_MS = 3600;
/** In a rush older ticks are skipped: what is shown should be what is happening. */
const WAITING_MAX = 3;

@customElement("dc-ticks")
export class Ticks extends Part {
  @property({ attribute: false }) ticks: readonly Tick[] = [];
  @state() private now: Tick | null = null;
  #shown = -1;
  #timer = 0;

  static override styles = [
    base,
    css`
      :host {
        min-height: 2rem;
      }
      p {
        display: inline-flex;
        align-items: center;
        gap: var(--s-2);
        max-width: 100%;
        padding: 0.25rem 0.875rem 0.25rem 0.375rem;
        border-radius: var(--r-pill);
        background: var(--seal);
        color: var(--on-seal);
        font-size: var(--size-2);
        font-weight: 600;
        animation: in var(--slow) var(--ease);
      }
      i {
        display: grid;
        place-items: center;
        width: 1.5rem;
        height: 1.5rem;
        border-radius: var(--r-pill);
        background: rgb(255 255 255 / 20%);
      }
      span {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      @keyframes in {
        from {
          opacity: 0;
          transform: translateX(-1.5rem);
        }
      }
    `,
  ];

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  override willUpdate(): void {
    const last = this.ticks.at(-1)?.key ?? 0;
    if (this.#shown < 0) this.#shown = last;
    if (this.now === null) this.#next();
  }

  #next(): void {
    const waiting = this.ticks.filter((tick) => tick.key > this.#shown).slice(-WAITING_MAX);
    const tick = waiting[0] ?? null;
    this.now = tick;
    if (tick === null) return;
    this.#shown = tick.key;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#next(), STANDS_MS);
  }

  #words({ names, count, units }: Tick): string {
    const name = names[0];
    if (name === undefined) return this.t.tick_plain(count, units);
    return count === 1 ? this.t.tick_one(name, units) : this.t.tick_some(name, count, units);
  }

  override render(): TemplateResult {
    return html`<div role="status" aria-live="polite">
      ${this.now === null
        ? nothing
        : html`<p data-testid="order-tick" data-key=${this.now.key} class="num">
            <i>${icon("bag")}</i><span>${this.#words(this.now)}</span>
          </p>`}
    </div>`;
  }
}
