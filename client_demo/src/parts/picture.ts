// A product's picture: from here or by https, and a drawn tag where there is none.

import { css, html, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { base, Part } from "./part";

/** The address, if a page may show it. */
export function shown(image: string | null): string | null {
  if (image === null || image === "") return null;
  try {
    const url = new URL(image, location.href);
    return url.origin === location.origin || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}

@customElement("dc-picture")
export class Picture extends Part {
  @property() src: string | null = null;
  @state() private broken = "";

  static override styles = [
    base,
    css`
      :host {
        display: grid;
        aspect-ratio: 1;
        overflow: hidden;
        border-radius: var(--r-2);
        background: var(--sunken);
        color: var(--edge-strong);
        flex: none;
      }
      img,
      svg {
        display: block;
        width: 100%;
        height: 100%;
        object-fit: cover;
      }
      svg {
        padding: 26%;
      }
    `,
  ];

  override render(): TemplateResult {
    const src = shown(this.src);
    if (src !== null && src !== this.broken) {
      return html`<img
        src=${src}
        alt=""
        loading="lazy"
        decoding="async"
        @error=${() => (this.broken = src)}
      />`;
    }
    return html`<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round" aria-hidden="true">
      <path d="M12 3.5 20.5 12 12 20.5 3.5 12V3.5H12Z" />
      <circle cx="7.8" cy="7.8" r="1.4" />
    </svg>`;
  }
}
