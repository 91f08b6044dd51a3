// A dialog: from below on a phone, in the middle of a larger page.

import { css, html, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import { icon } from "./icons";
import { base, Part } from "./part";

/** Fires "closed". The browser's own dialog keeps focus inside and gives Escape. */
@customElement("dc-sheet")
export class Sheet extends Part {
  @property({ type: Boolean }) open = false;
  @property() label = "";
  @query("dialog") private dialog!: HTMLDialogElement;

  static override styles = [
    base,
    css`
      :host {
        display: contents;
      }
      dialog {
        width: 100%;
        max-width: 32rem;
        max-height: min(82dvh, 46rem);
        margin: auto auto 0;
        padding: 0;
        border: 0;
        border-radius: var(--r-3) var(--r-3) 0 0;
        background: var(--surface);
        color: var(--ink);
        box-shadow: var(--lift-2);
        overflow: hidden;
      }
      dialog[open] {
        display: flex;
        flex-direction: column;
        animation: rise var(--calm) var(--ease);
      }
      dialog::backdrop {
        background: var(--shade);
        animation: fade var(--calm) var(--ease);
      }
      .head {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: var(--s-3);
        padding: var(--s-2) var(--s-2) var(--s-2) var(--s-4);
        border-bottom: 1px solid var(--edge);
      }
      h2 {
        font-size: var(--size-4);
        font-weight: 650;
        line-height: 1.3;
      }
      h2:focus-visible {
        outline: none;
      }
      .body {
        overflow-y: auto;
        overscroll-behavior: contain;
        padding: var(--s-4);
      }
      slot[name="foot"]::slotted(*) {
        padding: var(--s-3) var(--s-4) calc(var(--s-3) + env(safe-area-inset-bottom));
        border-top: 1px solid var(--edge);
      }
      @media (min-width: 56rem) {
        dialog {
          margin: auto;
          border-radius: var(--r-3);
        }
      }
      @keyframes rise {
        from {
          transform: translateY(2.5rem);
          opacity: 0;
        }
      }
      @keyframes fade {
        from {
          opacity: 0;
        }
      }
    `,
  ];

  override render(): TemplateResult {
    return html`<dialog
      aria-label=${this.label}
      @close=${() => this.#closed()}
      @click=${(event: MouseEvent) => event.target === this.dialog && this.dialog.close()}
    >
      <div class="head">
        <h2 tabindex="-1" autofocus>${this.label}</h2>
        <button
          class="button quiet round"
          aria-label=${this.t.close}
          data-testid="sheet-close"
          @click=${() => this.dialog.close()}
        >
          ${icon("close")}
        </button>
      </div>
      <div class="body"><slot></slot></div>
      <slot name="foot"></slot>
    </dialog>`;
  }

  override updated(changed: PropertyValues<this>): void {
    if (!changed.has("open")) return;
    if (this.open && !this.dialog.open) this.dialog.showModal();
    if (!this.open && this.dialog.open) this.dialog.close();
  }

  #closed(): void {
    if (!this.open) return;
    this.open = false;
    this.tell("closed");
  }
}
