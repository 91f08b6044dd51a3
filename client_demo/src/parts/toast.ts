// Short words about what just happened; the last one stands for a few seconds.

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { base, Part } from "./part";

const STANDS_MS = 4200;

export type Tone = "plain" | "good" | "bad";

@customElement("dc-toast")
export class Toast extends Part {
  @state() private text = "";
  @state() private tone: Tone = "plain";
  #timer = 0;

  static override styles = [
    base,
    css`
      :host {
        position: fixed;
        inset: calc(4.5rem + env(safe-area-inset-top)) var(--s-4) auto;
        width: auto;
        margin: 0 auto;
        padding: 0;
        border: 0;
        overflow: visible;
        background: none;
        pointer-events: none;
      }
      /* On a desk it stands before the figures: nothing there is pressed. */
      :host([desk]) {
        inset: var(--s-2) var(--s-4) auto;
      }
      div {
        display: grid;
        justify-items: center;
      }
      p {
        max-width: 28rem;
        padding: var(--s-3) var(--s-4);
        border-radius: var(--r-2);
        background: var(--note);
        color: var(--on-note);
        box-shadow: var(--lift-2);
        font-size: var(--size-3);
        font-weight: 550;
        animation: in var(--calm) var(--ease);
      }
      p[data-tone="bad"] {
        background: var(--seal);
        color: var(--on-seal);
      }
      p[data-tone="good"] {
        background: var(--good);
        color: var(--on-seal);
      }
      @keyframes in {
        from {
          transform: translateY(-0.5rem);
          opacity: 0;
        }
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    this.popover = "manual";
  }

  say(text: string, tone: Tone = "plain"): void {
    clearTimeout(this.#timer);
    this.text = text;
    this.tone = tone;
    // Shown anew each time: an open dialog would otherwise be above it.
    if (this.matches(":popover-open")) this.hidePopover();
    this.showPopover();
    this.#timer = setTimeout(() => {
      this.text = "";
      this.hidePopover();
    }, STANDS_MS);
  }

  override render(): TemplateResult {
    return html`<div role="status" aria-live="polite">
      ${this.text === ""
        ? nothing
        : html`<p data-tone=${this.tone} data-testid="toast">${this.text}</p>`}
    </div>`;
  }
}
