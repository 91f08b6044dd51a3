// The icons, all drawn on a grid of 24 with one pen.

import { html, svg, type SVGTemplateResult, type TemplateResult } from "lit";

const DRAWN = {
  bag: svg`<path d="M5 8h14l1 12H4L5 8Z"/><path d="M8.5 10.5V7a3.5 3.5 0 0 1 7 0v3.5"/>`,
  tray: svg`<path d="M4 10h16l-1.2 9.2H5.2L4 10Z"/><path d="M4 10l3-6h10l3 6M12 4v6M9.5 14.5h5"/>`,
  heart: svg`<path d="M12 20s-7.5-4.6-7.5-10.2A4.1 4.1 0 0 1 12 7.4a4.1 4.1 0 0 1 7.5 2.4C19.5 15.4 12 20 12 20Z"/>`,
  send: svg`<path d="M4.5 12 20 4.5 15 20l-3.4-6.1L4.5 12Zm7.1 1.9L20 4.5"/>`,
  close: svg`<path d="m6 6 12 12M18 6 6 18"/>`,
  plus: svg`<path d="M12 5v14M5 12h14"/>`,
  minus: svg`<path d="M5 12h14"/>`,
  check: svg`<path d="m5 12.5 4.5 4.5L19 7.5"/>`,
  down: svg`<path d="m6 9 6 6 6-6"/>`,
  eye: svg`<path d="M2.5 12S6 5.8 12 5.8 21.5 12 21.5 12 18 18.2 12 18.2 2.5 12 2.5 12Z"/><circle cx="12" cy="12" r="2.8"/>`,
  sun: svg`<circle cx="12" cy="12" r="4"/><path d="M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M5.6 18.4 7 17M17 7l1.4-1.4"/>`,
  moon: svg`<path d="M19.5 14.2A7.8 7.8 0 0 1 9.8 4.5a7.8 7.8 0 1 0 9.7 9.7Z"/>`,
  pin: svg`<path d="M12 15.5V21M8 4h8l-1 6.2 2.6 3.3a1.2 1.2 0 0 1-1 2H7.4a1.2 1.2 0 0 1-1-2L9 10.2 8 4Z"/>`,
  trash: svg`<path d="M4.5 7h15M10 7V4.5h4V7M6.5 7l.8 12.5h9.4L17.5 7M10.2 11v5M13.8 11v5"/>`,
  mute: svg`<path d="M4 9.5v5h3.5l5 4v-13l-5 4H4ZM16.5 9.8l4.5 4.5M21 9.8l-4.5 4.5"/>`,
  pause: svg`<path d="M8.5 5.5v13M15.5 5.5v13"/>`,
  play: svg`<path d="M7.5 5v14l11-7-11-7Z"/>`,
  stop: svg`<path d="M6.5 6.5h11v11h-11z"/>`,
  clock: svg`<circle cx="12" cy="12" r="8.5"/><path d="M12 7.2V12l3.2 2"/>`,
  search: svg`<circle cx="11" cy="11" r="6.2"/><path d="m20 20-4.6-4.6"/>`,
  people: svg`<circle cx="9" cy="8.5" r="3.3"/><path d="M2.8 19.5c.5-3.7 2.9-5.8 6.2-5.8s5.7 2.1 6.2 5.8M16 5.6a3.2 3.2 0 0 1 0 5.9M17.8 14.2c2 .8 3.1 2.6 3.4 5.3"/>`,
  list: svg`<path d="M9 6.5h11M9 12h11M9 17.5h11M4.2 6.5h.6M4.2 12h.6M4.2 17.5h.6"/>`,
  bolt: svg`<path d="M13.2 3 5 13.6h6L10.4 21 19 10.2h-6.2L13.2 3Z"/>`,
  out: svg`<path d="M14 4.5h5.5V10M19.5 4.5l-9 9M10 6H5v13h13v-5"/>`,
} as const satisfies Record<string, SVGTemplateResult>;

export type IconName = keyof typeof DRAWN;

export function icon(name: IconName, filled = false): TemplateResult {
  return html`<svg
    class="icon"
    viewBox="0 0 24 24"
    fill=${filled ? "currentColor" : "none"}
    stroke="currentColor"
    stroke-width="1.75"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
    focusable="false"
  >
    ${DRAWN[name]}
  </svg>`;
}

/** The mark: a price tag on a seal, its hole sending waves. */
export function mark(): TemplateResult {
  return html`<svg class="mark" viewBox="0 0 64 64" aria-hidden="true" focusable="false">
    <rect x="2" y="2" width="60" height="60" rx="15" fill="var(--seal)" />
    <g fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round" stroke-linejoin="round">
      <path d="M29 13.5 49.5 34a3 3 0 0 1 0 4.3L38.3 49.5a3 3 0 0 1-4.3 0L13.5 29V16.5a3 3 0 0 1 3-3H29Z" />
      <circle cx="22.5" cy="22.5" r="2.6" fill="#fff" stroke="none" />
      <path d="M30.2 22.6a7.8 7.8 0 0 1-7.6 7.6M36.6 22.7A14 14 0 0 1 22.7 36.6" />
    </g>
  </svg>`;
}
