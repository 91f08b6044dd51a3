// What became of the payment: being confirmed, paid, failed or back.

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Show } from "../link/show";
import type { Followed, PayState } from "../link/payments";
import { pick } from "../pure/language";
import { format, times } from "../pure/money";
import type { OrderLine } from "../wire";
import { icon } from "./icons";
import { base, Part } from "./part";
import "./price";

@customElement("dc-pay-result")
export class PayResult extends Part {
  @property({ attribute: false }) show: Show | null = null;
  @property({ attribute: false }) followed: Followed | null = null;

  static override styles = [
    base,
    css`
      .head {
        display: grid;
        justify-items: center;
        gap: var(--s-1);
        padding: var(--s-3) 0 var(--s-4);
        text-align: center;
      }
      .sign {
        display: grid;
        place-items: center;
        width: 4rem;
        height: 4rem;
        margin-bottom: var(--s-2);
        border-radius: var(--r-pill);
        background: var(--cobalt-soft);
        color: var(--cobalt);
        font-size: 1.75rem;
      }
      .sign[data-is="paid"] {
        background: var(--jade-soft);
        color: var(--jade);
      }
      .sign[data-is="failed"],
      .sign[data-is="voided"] {
        background: var(--seal-soft);
        color: var(--price);
      }
      .sign[data-is="confirming"] svg {
        animation: turn 2.4s linear infinite;
      }
      h3 {
        font-size: var(--size-5);
        font-weight: 650;
      }
      .head p {
        color: var(--ink-2);
        font-size: var(--size-2);
      }
      dl {
        display: grid;
        gap: var(--s-2);
        padding: var(--s-3) var(--s-4);
        border-radius: var(--r-2);
        background: var(--page);
        font-size: var(--size-2);
      }
      dl div {
        display: flex;
        justify-content: space-between;
        gap: var(--s-4);
      }
      dt {
        color: var(--ink-2);
      }
      .sum {
        padding-top: var(--s-2);
        border-top: 1px solid var(--edge);
        font-size: var(--size-4);
      }
      code {
        font-family: var(--font-code);
        font-size: var(--size-1);
        user-select: all;
      }
      @keyframes turn {
        to {
          transform: rotate(1turn);
        }
      }
    `,
  ];

  override render(): TemplateResult | typeof nothing {
    const { followed } = this;
    if (followed === null) return nothing;
    const { state: now, view } = followed;
    const units = (view?.lines ?? []).reduce((sum, line) => sum + line.quantity, 0);
    const words: Record<PayState, [string, string]> = {
      confirming: [this.t.pay_confirming, this.t.pay_confirming_more],
      paid: [this.t.pay_done, view === null ? "" : this.t.pay_done_more(units)],
      failed: [this.t.pay_failed, this.t.pay_failed_more],
      voided: [this.t.pay_voided, this.t.pay_voided_more],
    };
    const sign = { confirming: "clock", paid: "check", failed: "close", voided: "close" } as const;
    return html`<div data-testid="pay-result" data-state=${now}>
      <div class="head" role="status" aria-live="polite">
        <span class="sign" data-is=${now}>${icon(sign[now])}</span>
        <h3>${words[now][0]}</h3>
        <p class="num">${words[now][1]}</p>
      </div>
      <dl class="num">
        <div>
          <dt>${this.t.order_number}</dt>
          <dd><code data-testid="order-number">${followed.order}</code></dd>
        </div>
        ${view === null
          ? nothing
          : html`${view.lines.map((line) => this.#line(line))}
              <div class="sum">
                <dt>${this.t.total}</dt>
                <dd><dc-price testid="order-total" .money=${view.total}></dc-price></dd>
              </div>`}
      </dl>
    </div>`;
  }

  #line({ deal, title, quantity, price }: OrderLine): TemplateResult {
    const { language } = this.speaking;
    const product = pick(this.show?.board.deals[deal]?.product.title, language);
    const variant = pick(title, language);
    const name = product === "" || product === variant ? variant : `${product} ${variant}`;
    return html`<div>
      <dt>${name} × ${quantity}</dt>
      <dd>${format(times(price, quantity))}</dd>
    </div>`;
  }
}
