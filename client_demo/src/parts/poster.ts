// What stands in the video's place: a drawn stall, by day or by night as the theme is.

import { css, html, nothing, svg, type SVGTemplateResult, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { base, Part } from "./part";
import { shown } from "./picture";
import { host, lantern, ringLight, teapot } from "./poster-figures";
import { posterMotion } from "./poster-motion";

/** The lanterns on their rope: x, size, and seconds of a swing. */
const LANTERNS: readonly (readonly [number, number, number])[] = [
  [34, 0.9, 5.2],
  [100, 1.05, 6.1],
  [171, 0.86, 4.7],
  [246, 1.1, 5.7],
  [316, 0.9, 6.6],
  [374, 0.8, 5],
];

/** How low the rope hangs at x. */
function rope(x: number): number {
  const t = (x + 6) / 402;
  return (1 - t) ** 2 * 84 + 2 * t * (1 - t) * 158 + t ** 2 * 76;
}
const STRIPES = 10;

@customElement("dc-poster")
export class Poster extends Part {
  /** The pinned product's picture, which then stands on the counter. */
  @property() image: string | null = null;
  /** When the show is not live, nobody is at the stall. */
  @property({ type: Boolean, reflect: true }) live = false;
  /** On a phone the sky gives way: the lower part is covered by chat and cards. */
  @property({ type: Boolean }) low = false;

  static override styles = [base, posterMotion, css`
    :host {
      position: relative;
      overflow: hidden;
      background: var(--sky-3);
    }
    svg {
      display: block;
      width: 100%;
      height: 100%;
    }
  `];

  override render(): TemplateResult {
    const image = shown(this.image);
    return html`<svg
      viewBox=${this.low ? "0 78 390 766" : "0 0 390 700"}
      preserveAspectRatio="xMidYMin slice"
      role="img"
      aria-label=${this.t.poster}
    >
      <defs>
        <linearGradient id="sky" x1="0" y1="0" x2="0" y2="1">
          <stop offset="0" stop-color="var(--sky-3)" />
          <stop offset="0.55" stop-color="var(--sky-2)" />
          <stop offset="1" stop-color="var(--sky-1)" />
        </linearGradient>
        <radialGradient id="glow">
          <stop offset="0" stop-color="var(--glow)" stop-opacity="0.75" />
          <stop offset="1" stop-color="var(--glow)" stop-opacity="0" />
        </radialGradient>
        <pattern id="tiles" width="48" height="48" patternUnits="userSpaceOnUse">
          <rect width="48" height="48" fill="var(--tile)" />
          <g fill="none" stroke="var(--tile-line)" stroke-width="1.6">
            <path d="M0 0h48v48H0Z" stroke-width="1" opacity="0.45" />
            <circle cx="24" cy="24" r="13" />
            <path d="M24 11c5 4 5 9 0 13-5-4-5-9 0-13ZM24 37c5-4 5-9 0-13-5 4-5 9 0 13ZM11 24c4 5 9 5 13 0-4-5-9-5-13 0ZM37 24c-4 5-9 5-13 0 4-5 9-5 13 0Z" />
            <path d="M0 10C6 10 10 6 10 0M38 0c0 6 4 10 10 10M48 38c-6 0-10 4-10 10M10 48c0-6-4-10-10-10" />
          </g>
        </pattern>
      </defs>
      <rect width="390" height="844" fill="url(#sky)" />
      ${this.#far()} ${this.#street()} ${this.#stall()}
      ${this.live ? host() : nothing} ${this.#counter(image)}
      <path
        d="M-6 84Q195 158 396 76"
        fill="none"
        stroke="var(--hair)"
        stroke-width="2"
        opacity="0.7"
      />
      ${LANTERNS.map(([x, size, swing]) => lantern(x, rope(x), size, swing))} ${ringLight()}
    </svg>`;
  }

  #far(): SVGTemplateResult {
    return svg`<g class="sun"><circle cx="304" cy="78" r="44" fill="var(--sun)" />
        <g fill="none" stroke="var(--sun)" stroke-width="1.5">
          <circle class="wave" cx="304" cy="78" r="62" />
          <circle class="wave" cx="304" cy="78" r="82" />
          <circle class="wave" cx="304" cy="78" r="104" />
        </g>
      </g>
      <g class="cloud" fill="var(--cloth)" opacity="0.5">
        <path d="M-70 96h92a9 9 0 0 1 0 18h-30a7 7 0 0 0 0 14h-88a9 9 0 0 1 0-18h26a7 7 0 0 0 0-14Z" />
        <path d="M196 50h60a7 7 0 0 1 0 14h-20a6 6 0 0 0 0 12h-66a7 7 0 0 1 0-14h26a6 6 0 0 0 0-12Z" />
      </g>
      <path d="M0 250c40-50 74-74 104-74 34 0 58 44 92 44 30 0 52-30 84-30 40 0 74 30 110 66v140H0Z" fill="var(--hill-1)" />
      <path d="M0 292c44-38 80-52 116-46 44 8 66 40 112 34 52-6 92-54 162-40v150H0Z" fill="var(--hill-2)" />
      <path d="M0 330c60-34 108-36 158-18 70 26 130 14 232-30v130H0Z" fill="var(--hill-3)" />`;
  }

  /** Roofs with swallowtail ridges, and windows that are lit now and then. */
  #street(): SVGTemplateResult {
    const house = (x: number, y: number, w: number): SVGTemplateResult => svg`
      <g transform="translate(${x} ${y})">
        <rect x="6" y="20" width=${w - 12} height="200" fill="var(--house)" />
        <path d="M-12 2c10 10 18 14 28 14h${w - 32}c10 0 18-4 28-14-4 14-8 22-16 26H4C-4 24-8 16-12 2Z" fill="var(--roof)" />
        <g class="windows" fill="var(--window)">
          <rect x=${w * 0.22} y="40" width="11" height="15" rx="2" />
          <rect x=${w * 0.56} y="40" width="11" height="15" rx="2" />
          <rect x=${w * 0.38} y="72" width="11" height="15" rx="2" />
        </g>
      </g>`;
    return svg`<g>${house(-22, 292, 92)}${house(300, 300, 104)}${house(62, 316, 76)}${house(232, 322, 80)}</g>`;
  }

  #stall(): SVGTemplateResult {
    const width = 390 / STRIPES;
    const cloth = Array.from({ length: STRIPES }, (_, i) => {
      const x = i * width;
      return svg`<path
        d="M${x} 196h${width}v34a${width / 2} 15 0 0 1 ${-width} 0Z"
        fill=${i % 2 === 0 ? "var(--dye)" : "var(--cloth)"} />`;
    });
    return svg`<rect x="0" y="190" width="390" height="330" fill="var(--roof)" opacity="0.16" />
      <rect x="14" y="186" width="9" height="300" fill="var(--wood)" />
      <rect x="367" y="186" width="9" height="300" fill="var(--wood)" />
      <g class="shelf">
        <rect x="23" y="338" width="344" height="6" fill="var(--wood)" />
        ${[40, 62, 84, 300, 324, 346].map(
          (x, i) => svg`<g transform="translate(${x} ${i % 2 === 0 ? 304 : 310})">
            <rect x="-9" y=${i % 2 === 0 ? 4 : 0} width="18" height=${i % 2 === 0 ? 30 : 28} rx="3" fill=${["var(--tile)", "var(--dye)", "var(--counter-1)"][i % 3]} />
            <rect x="-9" y="13" width="18" height="8" fill="var(--tile-line)" opacity="0.7" />
          </g>`,
        )}
      </g>
      <circle class="lamp" cx="195" cy="320" r="190" fill="url(#glow)" />
      <g class="awning">${cloth}<rect y="186" width="390" height="14" fill="var(--wood)" /></g>`;
  }

  #counter(image: string | null): SVGTemplateResult {
    const goods =
      image === null
        ? teapot(this.low)
        : svg`<g class="goods">
            <rect x="243" y="390" width="104" height="104" rx="14" fill="var(--cloth)" />
            <image href=${image} x="247" y="394" width="96" height="96" clip-path="inset(0 round 11px)" preserveAspectRatio="xMidYMid slice" />
            <rect x="262" y="494" width="66" height="8" rx="3" fill="var(--wood)" />
          </g>`;
    return svg`<rect x="0" y="520" width="390" height="330" fill="url(#tiles)" />
      <rect x="0" y="520" width="390" height="26" fill="var(--roof)" opacity="0.22" />
      <rect x="-4" y="500" width="398" height="24" rx="4" fill="var(--counter-1)" />
      <rect x="-4" y="515" width="398" height="9" fill="var(--counter-2)" />
      ${goods}${image === null ? nothing : teapot(true)}`;
  }
}
