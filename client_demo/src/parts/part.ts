// What all elements share: texts, drawing anew when something changes, base styles.

import { css, LitElement, type CSSResult } from "lit";
import { Speaking } from "../texts/texts";
import type { Texts } from "../texts/texts";

export abstract class Part extends LitElement {
  protected readonly speaking = new Speaking(this);
  readonly #watched = new Map<EventTarget, string>();
  readonly #changed = (): void => this.requestUpdate();

  protected get t(): Texts {
    return this.speaking.t;
  }

  /** Draw anew whenever `target` fires `event`. */
  protected watch(target: EventTarget | null | undefined, event: string): void {
    if (target === null || target === undefined || this.#watched.has(target)) return;
    this.#watched.set(target, event);
    target.addEventListener(event, this.#changed);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    for (const [target, event] of this.#watched) target.addEventListener(event, this.#changed);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const [target, event] of this.#watched) target.removeEventListener(event, this.#changed);
  }

  /** Tell those above; `detail` says what. */
  protected tell(event: string, detail?: unknown): void {
    this.dispatchEvent(new CustomEvent(event, { detail, bubbles: true, composed: true }));
  }
}

export const base: CSSResult = css`
  :host {
    display: block;
  }
  :host([hidden]) {
    display: none;
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  h1,
  h2,
  h3,
  p,
  ul,
  ol,
  dl,
  dd {
    margin: 0;
    padding: 0;
  }
  ul,
  ol {
    list-style: none;
  }
  button,
  input,
  select {
    font: inherit;
    color: inherit;
    letter-spacing: inherit;
  }
  button {
    -webkit-tap-highlight-color: transparent;
    touch-action: manipulation;
  }
  :focus-visible {
    outline: 2px solid var(--focus);
    outline-offset: 2px;
  }
  .num {
    font-variant-numeric: tabular-nums;
    font-feature-settings: "tnum";
  }
  .unseen {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  svg.icon {
    display: block;
    width: 1.25em;
    height: 1.25em;
    flex: none;
  }

  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: var(--s-2);
    min-height: var(--tap);
    padding: 0 var(--s-4);
    border: 1px solid var(--edge);
    border-radius: var(--r-2);
    background: var(--surface);
    color: var(--ink);
    font-weight: 600;
    line-height: 1.2;
    cursor: pointer;
    transition:
      background var(--fast) var(--ease),
      border-color var(--fast) var(--ease),
      transform var(--fast) var(--ease);
  }
  .button:hover:not(:disabled) {
    border-color: var(--edge-strong);
  }
  .button:active:not(:disabled) {
    transform: scale(0.98);
  }
  .button:disabled {
    cursor: not-allowed;
    color: var(--ink-3);
    background: var(--sunken);
    border-color: transparent;
  }
  .button.main {
    border-color: transparent;
    background: var(--seal);
    color: var(--on-seal);
  }
  .button.main:hover:not(:disabled) {
    background: var(--seal-hover);
  }
  .button.main:disabled {
    background: var(--sunken);
    color: var(--ink-3);
  }
  .button.quiet {
    border-color: transparent;
    background: transparent;
  }
  .button.quiet:hover:not(:disabled) {
    background: var(--sunken);
  }
  .button.round {
    width: var(--tap);
    padding: 0;
    border-radius: var(--r-pill);
  }
  .button.small {
    min-height: 2.125rem;
    padding: 0 var(--s-3);
    font-size: var(--size-2);
    border-radius: var(--r-1);
  }

  .field {
    display: grid;
    gap: var(--s-1);
    font-size: var(--size-2);
    color: var(--ink-2);
  }
  .input {
    width: 100%;
    min-height: 2.5rem;
    padding: 0 var(--s-3);
    border: 1px solid var(--edge);
    border-radius: var(--r-1);
    background: var(--surface);
    color: var(--ink);
    font-size: var(--size-3);
  }
  .input:hover {
    border-color: var(--edge-strong);
  }
  .input::placeholder {
    color: var(--ink-3);
    opacity: 1;
  }
  .wrong {
    color: var(--price);
    font-size: var(--size-2);
  }
  .empty {
    display: grid;
    justify-items: center;
    gap: var(--s-1);
    padding: var(--s-6) var(--s-4);
    color: var(--ink-2);
    font-size: var(--size-2);
    text-align: center;
  }
  .empty strong {
    color: var(--ink);
    font-size: var(--size-3);
    font-weight: 600;
  }
  .empty svg {
    width: 5rem;
    height: auto;
    color: var(--edge-strong);
    margin-bottom: var(--s-2);
  }
  .tag {
    display: inline-flex;
    align-items: center;
    padding: 0 0.4em;
    border: 1px solid var(--edge);
    border-radius: 0.25em;
    color: var(--ink-3);
    font-size: var(--size-1);
    line-height: 1.45;
    white-space: nowrap;
  }
  .status {
    display: inline-flex;
    align-items: center;
    gap: 0.4em;
    padding: 0.1em 0.6em;
    border-radius: var(--r-pill);
    background: var(--sunken);
    color: var(--ink-2);
    font-size: var(--size-1);
    font-weight: 600;
    line-height: 1.6;
    white-space: nowrap;
  }
  .status[data-is="open"],
  .status[data-is="paid"] {
    background: var(--jade-soft);
    color: var(--jade);
  }
  .status[data-is="planned"],
  .status[data-is="confirmed"] {
    background: var(--cobalt-soft);
    color: var(--cobalt);
  }
  .status[data-is="paused"] {
    background: var(--amber-soft);
    color: var(--amber);
  }
  .status[data-is="sold_out"] {
    background: var(--seal-soft);
    color: var(--price);
  }

  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation: none !important;
      transition: none !important;
    }
  }
`;
