// The viewer's page on a larger screen: stage and column, then shelf, stage and column.

import { css } from "lit";

export const wideStyles = css`
  @media (min-width: 48rem) and (min-height: 32rem) {
    .page {
      grid-template-columns: minmax(0, 1fr) minmax(21rem, 25rem);
      grid-template-rows: auto auto auto auto auto minmax(8rem, 1fr) auto;
      column-gap: var(--s-5);
      padding: 0 var(--s-5) var(--s-4);
      background: var(--page);
    }
    .top {
      grid-row: 1;
      margin: 0 calc(-1 * var(--s-5)) var(--s-4);
      padding: var(--s-2) var(--s-5);
      background: var(--surface);
      border-bottom: 1px solid var(--edge);
      color: var(--ink);
    }
    .who {
      padding: 0;
      background: none;
      gap: var(--s-3);
    }
    .top dc-switches {
      background: none;
    }
    .facts {
      color: var(--ink-2);
      font-size: var(--size-2);
    }
    .air {
      background: var(--sunken);
      color: var(--ink-2);
    }
    .air[data-is="live"] {
      color: var(--on-seal);
    }
    h1 {
      font-size: var(--size-4);
    }
    dc-banner {
      grid-row: 2;
    }
    .stage {
      position: relative;
      inset: auto;
      z-index: 0;
      grid-row: 3 / -1;
      align-self: start;
      justify-self: center;
      width: min(100%, calc((100dvh - 6.25rem) * 9 / 16));
      aspect-ratio: 9 / 16;
      overflow: hidden;
      border-radius: var(--r-3);
      box-shadow: var(--lift-2);
    }
    .stage::after {
      background: linear-gradient(transparent 84%, rgb(8 14 28 / 32%));
    }
    .page > .stage {
      grid-column: 1;
    }
    .page > .ticks {
      grid-row: 3 / -1;
      grid-column: 1;
      z-index: 1;
      align-self: end;
      justify-self: center;
      width: min(100%, calc((100dvh - 6rem) * 9 / 16));
      padding: var(--s-4);
    }
    .page > .deal {
      grid-row: 3;
      grid-column: 2;
      padding: 0;
    }
    .deal dc-deal-card {
      --lift-2: 0 0 0 1px var(--edge);
    }
    .page > .pin {
      grid-row: 4;
      grid-column: 2;
      margin: var(--s-3) 0 0;
    }
    .page > .strip {
      grid-row: 5;
      grid-column: 2;
      padding: var(--s-3) 0 0;
    }
    .page > .chat,
    .page:not([data-pinned]) > .chat {
      grid-row: 6;
      grid-column: 2;
      margin: var(--s-3) 0 0;
      padding: var(--s-3) var(--s-3) 0;
      border: 1px solid var(--edge);
      border-bottom: 0;
      border-radius: var(--r-3) var(--r-3) 0 0;
      background: var(--surface);
      mask-image: none;
      --line-bg: transparent;
      --line-ink: var(--ink);
      --line-ink-2: var(--ink-2);
      --name-1: var(--cobalt);
      --name-2: var(--amber);
      --name-3: var(--price);
    }
    .page > .bar {
      grid-row: 7;
      grid-column: 2;
      padding: var(--s-3);
      border: 1px solid var(--edge);
      border-top: 0;
      border-radius: 0 0 var(--r-3) var(--r-3);
      background: var(--surface);
      --say-bg: var(--page);
      --say-edge: var(--edge);
      --say-ink: var(--ink);
      --say-ink-2: var(--ink-3);
    }
    .knob {
      background: var(--page);
      color: var(--ink);
    }
  }

  @media (min-width: 75rem) and (min-height: 32rem) {
    .page {
      grid-template-columns:
        minmax(18rem, 1fr) minmax(0, calc((100dvh - 6.25rem) * 9 / 16))
        minmax(22rem, 26rem);
    }
    .page > .stage,
    .page > .ticks {
      grid-column: 2;
    }
    .page > .deal,
    .page > .pin,
    .page > .strip,
    .page > .chat,
    .page:not([data-pinned]) > .chat,
    .page > .bar {
      grid-column: 3;
    }
    .page > .shelf {
      grid-row: 3 / -1;
      grid-column: 1;
      display: flex;
      flex-direction: column;
      min-height: 0;
      border: 1px solid var(--edge);
      border-radius: var(--r-3);
      background: var(--surface);
      overflow: hidden;
    }
    .shelf h2 {
      padding: var(--s-3) var(--s-4);
      border-bottom: 1px solid var(--edge);
      font-size: var(--size-3);
      font-weight: 650;
    }
    .shelf dc-tray {
      flex: 1;
      overflow-y: auto;
      padding: 0 var(--s-4);
    }
    .shelf-knob {
      display: none;
    }
  }
`;
