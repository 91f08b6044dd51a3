// Which variant and how many, within what one buyer may have.

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Board } from "../pure/board";
import { EMPTY } from "../pure/board";
import { stockOf } from "../pure/deals";
import { pick } from "../pure/language";
import type { DealLine, DealView, VariantId } from "../wire";
import { icon } from "./icons";
import { base, Part } from "./part";

export interface Choice {
  variant: VariantId;
  quantity: number;
}

/** Fires "choose" with a Choice. Its parts lie in the row that it stands in. */
@customElement("dc-chooser")
export class Chooser extends Part {
  @property({ attribute: false }) deal: DealView | null = null;
  @property({ attribute: false }) board: Board = EMPTY;
  @property({ attribute: false }) choice: Choice | null = null;
  /** How many may still be taken. */
  @property({ type: Number }) max = 1;

  static override styles = [
    base,
    css`
      :host {
        display: contents;
      }
      .chips {
        display: flex;
        flex: 1 1 100%;
        gap: var(--s-2);
        min-width: 0;
        overflow-x: auto;
        scrollbar-width: none;
        padding: 2px;
        margin: -2px;
      }
      :host([wrap]) .chips {
        flex-wrap: wrap;
      }
      .chip {
        flex: none;
        min-height: var(--tap);
        padding: 0 var(--s-3);
        border: 1px solid var(--edge);
        border-radius: var(--r-2);
        background: var(--surface);
        color: var(--ink);
        font-size: var(--size-2);
        cursor: pointer;
        white-space: nowrap;
      }
      .chip[aria-checked="true"] {
        border-color: var(--price);
        box-shadow: inset 0 0 0 1px var(--price);
        background: var(--seal-soft);
        font-weight: 650;
      }
      .chip[data-out] {
        color: var(--ink-3);
        text-decoration: line-through;
      }
      .stepper {
        display: inline-flex;
        align-items: center;
        flex: none;
        border: 1px solid var(--edge);
        border-radius: var(--r-2);
      }
      .stepper button {
        display: grid;
        place-items: center;
        width: var(--tap);
        height: calc(var(--tap) - 2px);
        padding: 0;
        border: 0;
        border-radius: var(--r-2);
        background: none;
        cursor: pointer;
      }
      .stepper button:disabled {
        color: var(--edge-strong);
        cursor: not-allowed;
      }
      output {
        min-width: 1.5em;
        text-align: center;
        font-weight: 650;
      }
    `,
  ];

  override render(): TemplateResult | typeof nothing {
    const { deal, choice } = this;
    if (deal === null || choice === null) return nothing;
    return html`${deal.lines.length > 1 ? this.#chips(deal, choice) : nothing}
    ${deal.per_buyer_max > 1 ? this.#stepper(deal, choice) : nothing}`;
  }

  #chips(deal: DealView, choice: Choice): TemplateResult {
    return html`<div class="chips" role="radiogroup" aria-label=${this.t.variant}>
      ${deal.lines.map((line) => this.#chip(deal, choice, line))}
    </div>`;
  }

  #chip(deal: DealView, choice: Choice, line: DealLine): TemplateResult {
    const chosen = line.variant === choice.variant;
    const out = stockOf(this.board, deal, line.variant).free === 0;
    return html`<button
      class="chip"
      role="radio"
      aria-checked=${chosen}
      tabindex=${chosen ? 0 : -1}
      ?data-out=${out}
      data-testid="variant-${deal.id}-${line.variant}"
      @click=${() => this.tell("choose", { ...choice, variant: line.variant })}
      @keydown=${(event: KeyboardEvent) => this.#arrow(event, deal, choice)}
    >
      ${pick(line.title, this.speaking.language)}
    </button>`;
  }

  #stepper(deal: DealView, { variant, quantity }: Choice): TemplateResult {
    const set = (n: number): void => this.tell("choose", { variant, quantity: n });
    return html`<div class="stepper" role="group" aria-label=${this.t.quantity}>
      <button
        aria-label=${this.t.less}
        ?disabled=${quantity <= 1}
        data-testid="less-${deal.id}"
        @click=${() => set(quantity - 1)}
      >
        ${icon("minus")}
      </button>
      <output class="num" aria-live="polite" data-testid="quantity-${deal.id}">${quantity}</output>
      <button
        aria-label=${this.t.more}
        ?disabled=${quantity >= this.max}
        data-testid="more-${deal.id}"
        @click=${() => set(quantity + 1)}
      >
        ${icon("plus")}
      </button>
    </div>`;
  }

  #arrow(event: KeyboardEvent, deal: DealView, choice: Choice): void {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const at = deal.lines.findIndex((line) => line.variant === choice.variant);
    const next = deal.lines[(at + step + deal.lines.length) % deal.lines.length];
    if (next === undefined) return;
    this.tell("choose", { ...choice, variant: next.variant });
    void this.updateComplete.then(() =>
      this.renderRoot.querySelector<HTMLElement>('[aria-checked="true"]')?.focus(),
    );
  }
}
