// Language and theme, as every page offers them.

import { css, html, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { icon } from "./icons";
import { base, Part } from "./part";

const KEPT = "dealcast.theme";

function dark(): boolean {
  const kept = document.documentElement.dataset["theme"];
  if (kept !== undefined) return kept === "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** Before anything is drawn: what the browser kept wins over what it prefers. */
export function applyTheme(): void {
  const kept = localStorage.getItem(KEPT);
  if (kept === "dark" || kept === "light") document.documentElement.dataset["theme"] = kept;
}

@customElement("dc-switches")
export class Switches extends Part {
  static override styles = [
    base,
    css`
      :host {
        display: inline-flex;
        gap: var(--s-1);
      }
      .button {
        color: inherit;
      }
      .language {
        padding: 0 var(--s-3);
        font-size: var(--size-2);
        white-space: nowrap;
      }
      .button.quiet:hover:not(:disabled) {
        background: color-mix(in srgb, currentcolor 14%, transparent);
      }
    `,
  ];

  override render(): TemplateResult {
    const next = dark() ? this.t.theme_light : this.t.theme_dark;
    return html`<button
        class="button quiet language"
        data-testid="language"
        aria-label="${this.t.language_other} · ${this.t.language_switch}"
        @click=${() => this.speaking.switch()}
      >
        ${this.t.language_other}
      </button>
      <button
        class="button quiet round"
        data-testid="theme"
        aria-label=${next}
        title=${next}
        @click=${() => this.#turn()}
      >
        ${icon(dark() ? "sun" : "moon")}
      </button>`;
  }

  #turn(): void {
    const theme = dark() ? "light" : "dark";
    document.documentElement.dataset["theme"] = theme;
    localStorage.setItem(KEPT, theme);
    this.requestUpdate();
  }
}
