// Hearts: counted on the way, drawn here at once.

import { css, html, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { Show } from "../link/show";
import { icon } from "./icons";
import { base, Part } from "./part";

const SEND_MS = 700;
const SENT_MAX = 20;
const HEARTS_MAX = 12;

@customElement("dc-like")
export class Like extends Part {
  @property({ attribute: false }) show: Show | null = null;
  @state() private hearts: readonly number[] = [];
  #count = 0;
  #timer = 0;
  #key = 0;

  static override styles = [
    base,
    css`
      :host {
        position: relative;
      }
      button {
        display: grid;
        place-items: center;
        width: 100%;
        height: 100%;
        padding: 0;
        border: 0;
        border-radius: inherit;
        background: none;
        cursor: pointer;
      }
      i {
        position: absolute;
        bottom: 80%;
        left: 50%;
        color: var(--heart);
        pointer-events: none;
        animation: float 1.3s ease-out forwards;
      }
      @keyframes float {
        from {
          transform: translateX(-50%) scale(0.7);
        }
        to {
          opacity: 0;
          transform: translate(calc(-50% + var(--dx)), -7.5rem) scale(1.35);
        }
      }
      @media (prefers-reduced-motion: reduce) {
        i {
          display: none;
        }
      }
    `,
  ];

  override render(): TemplateResult {
    this.watch(this.show, "board");
    const likes = this.show?.board.likes ?? 0;
    return html`<button
        data-testid="like"
        aria-label=${this.t.because(this.t.like, this.t.likes(likes))}
        title=${this.t.likes(likes)}
        @click=${() => this.#like()}
      >
        ${icon("heart")}
      </button>
      ${repeat(
        this.hearts,
        (key) => key,
        (key) =>
          html`<i
            style="--dx:${((key * 37) % 60) - 30}px"
            @animationend=${() => (this.hearts = this.hearts.filter((one) => one !== key))}
            >${icon("heart", true)}</i
          >`,
      )}`;
  }

  #like(): void {
    this.hearts = [...this.hearts, ++this.#key].slice(-HEARTS_MAX);
    this.#count += 1;
    if (this.#timer !== 0) return;
    this.#timer = setTimeout(() => {
      const count = Math.min(this.#count, SENT_MAX);
      this.#timer = this.#count = 0;
      // Hearts are not worth a second try.
      void this.show?.ask("/live", "like", { count });
    }, SEND_MS);
  }
}
