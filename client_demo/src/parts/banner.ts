// How the connection is, when it is not well.

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { LaneState } from "../link/lane";
import type { Show } from "../link/show";
import { base, Part } from "./part";

const BACK_MS = 2500;
/** A blink of the connection is not worth a word. */
const PATIENCE_MS = 900;

@customElement("dc-banner")
export class Banner extends Part {
  @property({ attribute: false }) show: Show | null = null;
  @state() private shown: LaneState | "back" | null = null;
  #timer = 0;

  static override styles = [
    base,
    css`
      p {
        padding: var(--s-2) var(--s-4);
        background: var(--amber-soft);
        color: var(--amber);
        font-size: var(--size-2);
        font-weight: 600;
        text-align: center;
      }
      p[data-is="refused"] {
        background: var(--seal);
        color: var(--on-seal);
      }
      p[data-is="back"] {
        background: var(--jade-soft);
        color: var(--jade);
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    this.#follow();
  }

  override updated(changed: Map<string, unknown>): void {
    super.updated(changed);
    if (!changed.has("show") || this.show === null) return;
    this.show.addEventListener("link", () => this.#follow());
    this.#follow();
  }

  #follow(): void {
    clearTimeout(this.#timer);
    const now = this.show?.state ?? "joining";
    if (now === "refused") this.shown = now;
    else if (now === "on") {
      this.shown = this.shown === "lost" || this.shown === "back" ? "back" : null;
      this.#timer = setTimeout(() => (this.shown = null), BACK_MS);
    } else {
      this.#timer = setTimeout(() => (this.shown = now), PATIENCE_MS);
    }
  }

  override render(): TemplateResult {
    const code = this.show?.code ?? null;
    const words = {
      joining: this.t.link_joining,
      lost: code === null ? this.t.link_lost : this.speaking.why(code),
      refused: this.t.because(this.t.link_refused, this.speaking.why(code ?? "refused")),
      back: this.t.link_back,
      on: "",
    };
    return html`<div role="status" aria-live="polite">
      ${this.shown === null || this.shown === "on"
        ? nothing
        : html`<p data-testid="link-banner" data-is=${this.shown}>${words[this.shown]}</p>`}
    </div>`;
  }
}
