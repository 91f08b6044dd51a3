// The figures of the poster.

import { nothing, svg, type SVGTemplateResult } from "lit";

export function lantern(x: number, y: number, size: number, swing: number): SVGTemplateResult {
  return svg`<g transform="translate(${x} ${y}) scale(${size})">
    <g class="swing" style="animation-duration:${swing}s">
      <circle cx="0" cy="34" r="46" fill="url(#glow)" opacity="0.7" />
      <path d="M0 0V14" stroke="var(--hair)" stroke-width="1.6" opacity="0.7" />
      <rect x="-9" y="12" width="18" height="5" rx="2" fill="var(--bar)" />
      <ellipse cx="0" cy="34" rx="24" ry="19" fill="var(--dye)" />
      <g fill="none" stroke="#fff" stroke-width="1.2" opacity="0.28">
        <ellipse cx="0" cy="34" rx="15" ry="19" /><ellipse cx="0" cy="34" rx="6" ry="19" />
      </g>
      <rect x="-9" y="51" width="18" height="5" rx="2" fill="var(--bar)" />
      <path d="M0 56v8M-4 64v12M0 64v15M4 64v12" stroke="var(--bar)" stroke-width="1.8" stroke-linecap="round" />
    </g>
  </g>`;
}

/** The host: greets with one hand, the other on the counter. */
export function host(): SVGTemplateResult {
  return svg`<g class="host" data-figure="host">
    <path d="M96 512c2-58 18-92 52-104 16-6 58-6 74 0 34 12 50 46 52 104Z" fill="var(--coat)" />
    <path d="M96 512c1-30 6-54 15-72 8 22 14 46 16 72ZM274 512c-1-30-6-54-15-72-8 22-14 46-16 72Z" fill="var(--coat-2)" />
    <path d="m160 405 26 44 26-44" fill="none" stroke="var(--cloth)" stroke-width="11" stroke-linejoin="round" />
    <path d="M186 449v63" stroke="var(--coat-2)" stroke-width="3" />
    <circle cx="186" cy="468" r="3.2" fill="var(--bar)" /><circle cx="186" cy="490" r="3.2" fill="var(--bar)" />
    <path d="M172 378h28v24c0 9-6 16-14 16s-14-7-14-16Z" fill="var(--skin)" />
    <path d="M172 386c6 9 22 9 28 0v8c-7 8-21 8-28 0Z" fill="#000" opacity="0.12" />
    <g class="head">
      <circle cx="186" cy="272" r="20" fill="var(--hair)" />
      <path d="m166 262 44 14" stroke="var(--dye)" stroke-width="4" stroke-linecap="round" />
      <circle cx="164" cy="261" r="5" fill="var(--bar)" />
      <path d="M141 336c-3-36 16-56 45-56s48 20 45 56c-1 10-4 16-7 20h-76c-3-4-6-10-7-20Z" fill="var(--hair)" />
      <ellipse cx="146" cy="342" rx="7" ry="9" fill="var(--skin)" /><ellipse cx="226" cy="342" rx="7" ry="9" fill="var(--skin)" />
      <path d="M149 332c0-20 14-32 37-32s37 12 37 32c0 34-15 56-37 56s-37-22-37-56Z" fill="var(--skin)" />
      <path d="M147 336c1-24 14-39 39-39s38 15 39 39c-5-14-13-22-23-25-14 10-36 13-47 8-4 4-7 10-8 17Z" fill="var(--hair)" />
      <g class="eyes" fill="var(--hair)"><ellipse cx="171" cy="343" rx="3.4" ry="4.6" /><ellipse cx="201" cy="343" rx="3.4" ry="4.6" /></g>
      <path d="M164 333c3-3 9-4 13-2M195 331c4-2 10-1 13 2" stroke="var(--hair)" stroke-width="2.4" fill="none" stroke-linecap="round" />
      <circle cx="162" cy="357" r="6" fill="var(--dye)" opacity="0.22" /><circle cx="210" cy="357" r="6" fill="var(--dye)" opacity="0.22" />
      <path class="mouth" d="M175 362c6 9 16 9 22 0Z" fill="#9c2a1c" />
      <circle cx="145" cy="356" r="3.2" fill="var(--bar)" /><circle cx="227" cy="356" r="3.2" fill="var(--bar)" />
    </g>
    <g class="wave-hand">
      <path d="M118 500c-20-22-34-48-40-78l22-8c8 22 22 42 42 58Z" fill="var(--coat)" />
      <path d="m76 424 24-10 3 9-24 10Z" fill="var(--cloth)" />
      <path d="M74 414c-6-9-12-20-13-31-1-6 6-7 8-1l6 14-2-28c0-7 8-7 9 0l3 26 4-27c1-6 9-5 8 2l-3 28 7-14c3-5 9-2 7 4-4 11-6 18-10 24Z" fill="var(--skin)" />
    </g>
    <path d="M250 512c16-4 30-4 42 0v-10c-10-8-28-10-44-4Z" fill="var(--skin)" />
  </g>`;
}

/** A pot with steam; the `small` one leaves room for the goods. */
export function teapot(small = false): SVGTemplateResult {
  const at = small ? "translate(54 438) scale(0.72)" : "translate(292 420)";
  return svg`<g transform=${at}>
    <g class="steam" fill="none" stroke="var(--cloth)" stroke-width="4" stroke-linecap="round">
      <path d="M-8-8c-8-12 8-18 0-32" /><path d="M10-4c-8-12 8-18 0-32" />
    </g>
    <path d="M-44 24c-22-2-28 8-22 20 4 9 14 15 26 18" fill="none" stroke="var(--tile)" stroke-width="9" />
    <path d="M40 40c18-2 20-22 34-26l6 8c-10 8-12 34-38 40Z" fill="var(--tile)" />
    <path d="M-46 44C-46 20-28 8 0 8s46 12 46 36c0 22-14 38-24 38h-44c-10 0-24-16-24-38Z" fill="var(--tile)" />
    <path d="M-22 11C-18 2-8-2 0-2s18 4 22 13Z" fill="var(--tile)" />
    <circle cx="0" cy="-5" r="6" fill="var(--dye)" />
    <g fill="none" stroke="var(--tile-line)" stroke-width="2.6" stroke-linecap="round">
      <path d="M-44 34c14 6 74 6 88 0M-40 66c14 6 66 6 80 0" />
      <path d="M-24 56c4-12 14-12 16-2 2-12 14-14 18-2 4-8 14-6 16 4" />
    </g>
    ${small ? nothing : svg`<path d="M-92 62h34l-4 20h-26Z" fill="var(--tile)" /><path d="M-90 68h30" stroke="var(--tile-line)" stroke-width="2.6" />`}
  </g>`;
}

export function ringLight(): SVGTemplateResult {
  return svg`<g data-figure="light">
    <circle class="lamp" cx="356" cy="590" r="70" fill="url(#glow)" />
    <path d="M356 628v230" stroke="var(--hair)" stroke-width="5" />
    <circle cx="356" cy="590" r="36" fill="none" stroke="var(--cloth)" stroke-width="9" />
    <rect x="345" y="570" width="22" height="40" rx="4" fill="var(--hair)" />
    <circle cx="356" cy="576" r="1.8" fill="var(--glow)" />
  </g>`;
}
