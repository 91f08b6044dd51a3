// A price, large where it counts, with the ordinary one beside it.

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { format, price, saving } from "../pure/money";
import type { Money } from "../wire";
import { base, Part } from "./part";

@customElement("dc-price")
export class PriceTag extends Part {
  @property({ attribute: false }) money: Money | null = null;
  @property({ attribute: false }) reference: Money | null = null;
  @property() testid = "";

  static override styles = [
    base,
    css`
      :host {
        display: flex;
        flex-wrap: wrap;
        align-items: baseline;
        column-gap: 0.4em;
        line-height: 1.15;
      }
      b {
        color: var(--price);
        font-weight: 750;
        letter-spacing: -0.01em;
        white-space: nowrap;
      }
      small {
        font-size: max(0.62em, 0.6875rem);
        font-weight: 650;
        letter-spacing: 0;
      }
      .was {
        display: inline-flex;
        align-items: baseline;
        gap: 0.5em;
        font-size: max(0.55em, var(--size-1));
        color: var(--ink-3);
        white-space: nowrap;
      }
      .off {
        color: var(--price);
        font-weight: 650;
      }
    `,
  ];

  override render(): TemplateResult | typeof nothing {
    const { money, reference } = this;
    if (money === null) return nothing;
    const { sign, whole, fraction } = price(money);
    const off = reference === null ? 0 : saving(money, reference);
    return html`<b class="num" data-testid=${this.testid} data-amount=${money.amount}><small>${sign}</small>${whole}<small>${fraction}</small></b>
      ${off > 0 && reference !== null
        ? html`<span class="was num">
            <span class="unseen">${this.t.reference}</span><s>${format(reference)}</s>
            <span class="off">${this.t.saving(off)}</span>
          </span>`
        : nothing}`;
  }
}
