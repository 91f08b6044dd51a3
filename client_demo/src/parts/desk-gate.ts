// What a staff page says to those it does not let in.

import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { StaffSignIn } from "../link/account";
import { mark } from "./icons";
import { base, Part } from "./part";
import "./switches";

export type Gate = Exclude<StaffSignIn, "yes"> | "no_show" | "joining";

@customElement("dc-desk-gate")
export class DeskGate extends Part {
  @property() gate: Gate = "joining";
  /** The page's name, such as "Host console". */
  @property() name = "";

  static override styles = [
    base,
    css`
      :host {
        display: grid;
        min-height: 100dvh;
        place-content: center;
        justify-items: center;
        gap: var(--s-4);
        padding: var(--s-5);
      }
      dc-switches {
        position: absolute;
        top: var(--s-3);
        right: var(--s-4);
      }
      .mark {
        width: 4rem;
        height: 4rem;
      }
      article {
        display: grid;
        gap: var(--s-2);
        max-width: 30rem;
        text-align: center;
      }
      small {
        color: var(--ink-2);
        font-size: var(--size-2);
      }
      h1 {
        font-family: var(--font-title);
        font-size: var(--size-6);
        font-weight: 700;
        line-height: 1.3;
      }
      p {
        color: var(--ink-2);
      }
      a {
        justify-self: center;
        margin-top: var(--s-3);
        text-decoration: none;
      }
    `,
  ];

  override render(): TemplateResult {
    const words: Record<Gate, [string, string]> = {
      joining: [this.t.loading, ""],
      missing: [this.t.staff_missing, this.t.staff_missing_more],
      used: [this.t.staff_used, this.t.staff_used_more],
      wrong_role: [this.t.staff_wrong_role, this.t.staff_missing_more],
      unanswered: [this.speaking.why("unavailable"), ""],
      no_show: [this.t.show_none, this.t.show_none_more],
    };
    const [title, more] = words[this.gate];
    return html`<dc-switches></dc-switches>
      ${mark()}
      <article data-testid="gate" data-gate=${this.gate} aria-live="polite">
        <small>Dealcast · ${this.name}</small>
        <h1>${title}</h1>
        ${more === "" ? nothing : html`<p>${more}</p>`}
        ${this.gate === "joining"
          ? nothing
          : html`<a class="button" href="/">${this.t.go_viewer}</a>`}
      </article>`;
  }
}
