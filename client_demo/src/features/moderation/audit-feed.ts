// What staff did, the latest first.

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Desk, Noted } from "../../link/desk";
import { base, Part } from "../../parts/part";
import { pick } from "../../pure/language";

@customElement("dc-audit-feed")
export class AuditFeed extends Part {
  @property({ attribute: false }) desk: Desk | null = null;
  /** Tells who a person is. */
  @property({ attribute: false }) nameOf: (person: string) => string = (person) => person;

  static override styles = [
    base,
    css`
      li {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        gap: 0 var(--s-3);
        padding: var(--s-2) var(--s-4);
        font-size: var(--size-2);
      }
      li + li {
        border-top: 1px solid var(--edge);
      }
      time {
        color: var(--ink-3);
      }
      b {
        font-weight: 650;
      }
      p {
        overflow-wrap: anywhere;
      }
      .why {
        grid-column: 2;
        color: var(--ink-2);
      }
    `,
  ];

  override render(): TemplateResult | typeof nothing {
    const { desk } = this;
    if (desk === null) return nothing;
    this.watch(desk, "change");
    if (desk.audits.length === 0) {
      return html`<div class="empty">${this.t.audit_empty}</div>`;
    }
    return html`<ol data-testid="audit" aria-live="polite" aria-relevant="additions">
      ${desk.audits.map((audit) => this.#row(audit, desk))}
    </ol>`;
  }

  #row(audit: Noted, desk: Desk): TemplateResult {
    const { language } = this.speaking;
    const { act, by, reason, at } = audit;
    const time = new Date(at).toLocaleTimeString(language, { hour12: false });
    return html`<li data-testid="audit-row" data-act=${act}>
      <time class="num">${time}</time>
      <p><b>${by.name}</b> ${this.t.acts[act] ?? act} ${this.#subject(audit, desk)}</p>
      ${reason === null ? nothing : html`<p class="why">${reason}</p>`}
    </li>`;
  }

  #subject({ act, subject, whose = "" }: Noted, { show, products }: Desk): string {
    const { language } = this.speaking;
    if (whose !== "") return whose;
    const counted = /^(\d+) (lines|products|s)$/.exec(subject);
    if (counted !== null) return this.#counted(Number(counted[1]), counted[2] ?? "");
    const deal = show.board.deals[subject];
    if (deal !== undefined) return pick(deal.product.title, language);
    if (subject.startsWith("u_")) return this.nameOf(subject);
    const product = products.find((one) => one.id === subject);
    if (product !== undefined) return pick(product.title, language);
    if (act === "lines_delete") return this.t.lines_count(1);
    // Ids of lines and shows say nothing to people.
    return /^[cs]\d\d_/.test(subject) ? "" : subject;
  }

  #counted(n: number, what: string): string {
    if (what === "lines") return this.t.lines_count(n);
    if (what === "products") return this.t.products_count(n);
    return n === 0 ? this.t.slow_off : this.t.seconds(n);
  }
}
