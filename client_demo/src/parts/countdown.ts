// A countdown to an instant of the server's clock. Nobody ticks it: it is drawn.

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { ServerClock } from "../link/clock";
import { left, nextChange, share, write } from "../pure/countdown";
import { base, Part } from "./part";

/** Fires "over" when the instant has come. */
@customElement("dc-countdown")
export class Countdown extends Part {
  @property({ attribute: false }) clock: ServerClock | null = null;
  @property({ type: Number }) until = 0;
  @property() label = "";
  @property() testid = "";
  /** Draw the last ten seconds in tenths. */
  @property({ type: Boolean }) fine = false;
  /** With a whole length in ms, a ring shows the share that is left. */
  @property({ type: Number }) whole = 0;
  /** From so many seconds on it is shown as urgent. */
  @property({ type: Number }) urgent = 10;
  #timer = 0;
  #told = 0;

  static override styles = [
    base,
    css`
      :host {
        display: inline-flex;
        align-items: center;
        gap: 0.4em;
      }
      span {
        white-space: nowrap;
      }
      .urgent {
        color: var(--price);
      }
      svg {
        width: 1.15em;
        height: 1.15em;
        transform: rotate(-90deg);
        flex: none;
      }
      circle {
        fill: none;
        stroke: var(--edge);
        stroke-width: 5;
      }
      circle + circle {
        stroke: currentcolor;
        stroke-linecap: round;
      }
    `,
  ];

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  override render(): TemplateResult | typeof nothing {
    if (this.clock === null) return nothing;
    this.watch(this.clock, "change");
    const now = this.clock.now();
    const rest = left(this.until, now);
    this.#plan(now, rest.over);
    const soon = this.until - now <= this.urgent * 1000;
    return html`${this.whole > 0 ? this.#ring(now) : nothing}
      <span role="timer" aria-label=${this.label} data-testid=${this.testid} class="num ${soon ? "urgent" : ""}"
        >${write(rest, this.fine)}</span
      >`;
  }

  #ring(now: number): TemplateResult {
    const round = 2 * Math.PI * 17;
    const gone = round * (1 - share(this.until, now, this.whole));
    return html`<svg viewBox="0 0 40 40" aria-hidden="true">
      <circle cx="20" cy="20" r="17" />
      <circle cx="20" cy="20" r="17" stroke-dasharray=${round} stroke-dashoffset=${gone} />
    </svg>`;
  }

  #plan(now: number, over: boolean): void {
    clearTimeout(this.#timer);
    if (over) {
      if (this.#told !== this.until) {
        this.#told = this.until;
        queueMicrotask(() => this.tell("over"));
      }
      return;
    }
    const wait = nextChange(this.until, now, this.fine);
    this.#timer = setTimeout(() => this.requestUpdate(), wait + 4);
  }
}
