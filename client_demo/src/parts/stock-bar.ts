// What is left of a deal, as a bar and in words. The numbers are the server's.

import { css, html, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Stock } from "../wire";
import { base, Part } from "./part";

@customElement("dc-stock-bar")
export class StockBar extends Part {
  @property({ attribute: false }) stock: Stock = { free: 0, held: 0, sold: 0 };
  @property({ attribute: "data-for" }) deal = "";

  static override styles = [
    base,
    css`
      :host {
        display: grid;
        gap: 0.3rem;
        min-width: 0;
      }
      .bar {
        display: flex;
        height: 0.375rem;
        overflow: hidden;
        border-radius: var(--r-pill);
        background: var(--sunken);
      }
      .bar i {
        display: block;
        transition: width var(--slow) var(--ease);
      }
      .free {
        background: var(--bar);
      }
      .held {
        background: repeating-linear-gradient(
          -45deg,
          color-mix(in srgb, var(--bar) 60%, transparent) 0 3px,
          transparent 3px 6px
        );
      }
      p {
        display: flex;
        justify-content: space-between;
        gap: var(--s-2);
        color: var(--ink-2);
        font-size: var(--size-1);
        line-height: 1.3;
        white-space: nowrap;
      }
      strong {
        color: var(--ink);
        font-weight: 650;
      }
    `,
  ];

  override render(): TemplateResult {
    const { free, held, sold } = this.stock;
    const all = free + held + sold;
    const width = (n: number): string => `width:${all === 0 ? 0 : (n / all) * 100}%`;
    return html`<div class="bar" aria-hidden="true">
        <i class="free" style=${width(free)}></i><i class="held" style=${width(held)}></i>
      </div>
      <p class="num">
        <strong data-testid="stock-left-${this.deal}" data-left=${free}
          >${this.t.left_of(free, all)}</strong
        >
        ${sold > 0 ? html`<span>${this.t.sold_units(sold)}</span>` : ""}
      </p>`;
  }
}
