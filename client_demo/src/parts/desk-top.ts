// The head of a staff page: which show, how it is going.

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Desk } from "../link/desk";
import { pick } from "../pure/language";
import { turnover, units } from "../pure/turnover";
import { icon, mark } from "./icons";
import { base, Part } from "./part";
import "./price";
import "./switches";

/** Children of slot "acts" stand at its end. */
@customElement("dc-desk-top")
export class DeskTop extends Part {
  @property({ attribute: false }) desk: Desk | null = null;
  @property() name = "";

  static override styles = [
    base,
    css`
      header {
        display: flex;
        align-items: center;
        gap: var(--s-3);
        min-height: 4.25rem;
        padding: var(--s-2) var(--s-5);
        border-bottom: 1px solid var(--edge);
        background: var(--surface);
      }
      .mark {
        width: 2.5rem;
        height: 2.5rem;
        flex: none;
      }
      .title {
        min-width: 0;
        margin-right: auto;
      }
      h1 {
        overflow: hidden;
        font-size: var(--size-4);
        font-weight: 650;
        line-height: 1.3;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .title p {
        display: flex;
        align-items: center;
        gap: var(--s-2);
        color: var(--ink-2);
        font-size: var(--size-2);
        white-space: nowrap;
      }
      dl {
        display: flex;
        gap: var(--s-5);
        margin: 0 var(--s-3);
      }
      dl div {
        display: grid;
        justify-items: end;
      }
      dt {
        color: var(--ink-2);
        font-size: var(--size-1);
        line-height: 1.3;
        white-space: nowrap;
      }
      dd {
        font-size: var(--size-5);
        font-weight: 700;
        line-height: 1.2;
      }
      dc-price {
        --price: var(--ink);
      }
      .status[data-is="live"] {
        background: var(--seal);
        color: var(--on-seal);
      }
      a {
        display: inline-flex;
        align-items: center;
        gap: 0.25em;
        color: var(--cobalt);
      }
      @media (max-width: 76rem) {
        dl {
          gap: var(--s-4);
          margin: 0;
        }
        dd {
          font-size: var(--size-4);
        }
      }
    `,
  ];

  override render(): TemplateResult | typeof nothing {
    const { desk } = this;
    if (desk === null) return nothing;
    this.watch(desk, "change");
    this.watch(desk.show, "board");
    const { board } = desk.show;
    const view = board.show;
    const words = { live: this.t.live, scheduled: this.t.scheduled, ended: this.t.ended };
    return html`<header>
      ${mark()}
      <div class="title">
        <h1 data-testid="show-title">${pick(view?.title, this.speaking.language)}</h1>
        <p>
          ${view === null
            ? nothing
            : html`<span class="status" data-is=${view.status} data-testid="show-status"
                >${words[view.status]}</span
              >`}
          <span>${this.name}</span>
          ${view === null
            ? nothing
            : html`<a href="/s/${view.slug ?? view.id}" target="_blank" rel="noopener"
                >${this.t.go_viewer}${icon("out")}</a
              >`}
        </p>
      </div>
      ${this.#figures(desk)}
      <slot name="acts"></slot>
      <dc-switches></dc-switches>
    </header>`;
  }

  #figures({ show, orders }: Desk): TemplateResult {
    const { board } = show;
    const currency = board.show?.currency ?? "";
    const figure = (name: string, value: unknown): TemplateResult =>
      html`<div>
        <dt>${name}</dt>
        <dd class="num">${value}</dd>
      </div>`;
    const count = (id: string, n: number | string): TemplateResult =>
      html`<span data-testid=${id}>${n}</span>`;
    return html`<dl>
      ${figure(this.t.viewers_label, count("viewers", board.viewers ?? "–"))}
      ${figure(this.t.orders, count("orders-count", board.sold?.orders ?? 0))}
      ${figure(this.t.units, count("units-count", board.sold?.units ?? units(orders)))}
      ${currency === ""
        ? nothing
        : figure(
            this.t.turnover,
            html`<dc-price testid="turnover" .money=${turnover(orders, currency)}></dc-price>`,
          )}
    </dl>`;
  }
}
