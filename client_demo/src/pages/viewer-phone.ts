// The viewer's page on a phone: everything over one stage.

import { css } from "lit";

export const phoneStyles = css`
  .page {
    position: relative;
    display: grid;
    grid-template-columns: minmax(0, 1fr) 7rem;
    grid-template-rows: auto auto minmax(1rem, 1fr) auto minmax(0, 27dvh) auto auto auto;
    column-gap: var(--s-3);
    width: 100%;
    height: 100dvh;
    min-height: 32rem;
    overflow: hidden;
    background: var(--sky-3);
    isolation: isolate;
  }
  .page > * {
    grid-column: 1 / -1;
    min-width: 0;
  }
  .stage {
    position: absolute;
    inset: 0;
    z-index: -1;
  }
  .stage dc-poster {
    height: 100%;
  }
  .stage::after {
    content: "";
    position: absolute;
    inset: 0;
    pointer-events: none;
    background:
      linear-gradient(rgb(8 14 28 / 42%), transparent 22%),
      linear-gradient(transparent 52%, rgb(8 14 28 / 46%));
  }
  .over {
    position: absolute;
    inset: 12% var(--s-4) auto;
    z-index: 1;
    display: grid;
    justify-items: center;
    color: var(--on-glass);
    text-align: center;
  }
  .over p {
    padding: var(--s-3) var(--s-5);
    border-radius: var(--r-3);
    background: var(--glass-strong);
    font-family: var(--font-title);
    font-size: var(--size-5);
  }

  .top {
    grid-row: 1;
    display: flex;
    align-items: center;
    gap: var(--s-2);
    padding: calc(var(--s-2) + env(safe-area-inset-top)) var(--s-2) var(--s-1) var(--s-3);
    color: var(--on-glass);
  }
  .who {
    display: flex;
    align-items: center;
    gap: var(--s-2);
    min-width: 0;
    padding: var(--s-1) var(--s-4) var(--s-1) var(--s-1);
    border-radius: var(--r-pill);
    background: var(--glass);
  }
  .who .mark {
    width: 2.25rem;
    height: 2.25rem;
    flex: none;
  }
  .who div {
    min-width: 0;
  }
  h1 {
    overflow: hidden;
    font-size: var(--size-3);
    font-weight: 650;
    line-height: 1.3;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .facts {
    display: flex;
    align-items: center;
    gap: var(--s-2);
    color: var(--on-glass-2);
    font-size: var(--size-1);
    line-height: 1.4;
    white-space: nowrap;
  }
  .facts .host {
    overflow: hidden;
    text-overflow: ellipsis;
  }
  @media (max-width: 22.5rem) {
    .facts .host {
      display: none;
    }
  }
  .air {
    display: inline-flex;
    align-items: center;
    gap: 0.35em;
    padding: 0 0.5em;
    border-radius: 0.3em;
    background: var(--glass-edge);
    color: var(--on-glass);
    font-weight: 650;
  }
  .air[data-is="live"] {
    background: var(--seal);
  }
  .air[data-is="live"]::before {
    content: "";
    width: 0.45em;
    height: 0.45em;
    border-radius: 50%;
    background: currentcolor;
    animation: pulse 1.8s ease-in-out infinite;
  }
  @keyframes pulse {
    50% {
      opacity: 0.3;
    }
  }
  .top dc-switches {
    margin-left: auto;
    flex: none;
    border-radius: var(--r-pill);
    background: var(--glass);
  }
  dc-banner {
    grid-row: 2;
  }
  .ticks {
    grid-row: 4;
    padding: 0 var(--s-3) var(--s-2);
  }
  .page > .chat {
    grid-row: 5;
    grid-column: 1;
    margin: 0 0 var(--s-2) var(--s-3);
    mask-image: linear-gradient(transparent, #000 2.5rem);
  }
  .page > .pin {
    grid-row: 5;
    grid-column: 2;
    align-self: end;
    margin: 0 var(--s-3) var(--s-2) 0;
  }
  .page:not([data-pinned]) > .chat {
    grid-column: 1 / -1;
    margin-right: 18%;
  }
  .deal {
    grid-row: 6;
    padding: 0 var(--s-2);
  }
  .strip {
    grid-row: 7;
    padding: var(--s-2) var(--s-2) 0;
  }
  .strip button {
    display: flex;
    align-items: center;
    gap: var(--s-3);
    width: 100%;
    min-height: var(--tap);
    padding: 0 var(--s-1) 0 var(--s-4);
    border: 0;
    border-radius: var(--r-pill);
    background: var(--amber-soft);
    color: var(--amber);
    font-size: var(--size-2);
    font-weight: 650;
    text-align: start;
    cursor: pointer;
    animation: drop var(--calm) var(--ease);
  }
  .strip dc-countdown {
    font-size: var(--size-4);
  }
  .strip .go {
    margin-left: auto;
    padding: 0.4rem 1rem;
    border-radius: var(--r-pill);
    background: var(--seal);
    color: var(--on-seal);
  }
  @keyframes drop {
    from {
      opacity: 0;
      transform: translateY(0.5rem);
    }
  }
  .bar {
    grid-row: 8;
    display: flex;
    align-items: center;
    gap: var(--s-2);
    padding: var(--s-2) var(--s-2) calc(var(--s-2) + env(safe-area-inset-bottom));
  }
  .bar dc-chat-say,
  .bar .sign-in {
    flex: 1;
    min-width: 0;
  }
  .sign-in {
    border-radius: var(--r-pill);
    font-size: var(--size-2);
  }
  .knob {
    position: relative;
    display: grid;
    place-items: center;
    flex: none;
    width: var(--tap);
    height: var(--tap);
    padding: 0;
    border: 0;
    border-radius: var(--r-pill);
    background: var(--glass);
    color: var(--on-glass);
    font-size: 1.1rem;
    cursor: pointer;
    transition: transform var(--fast) var(--ease);
  }
  .knob:active {
    transform: scale(0.92);
  }
  .knob.shelf-knob {
    background: var(--bar);
    color: var(--on-bar);
  }
  .knob b {
    position: absolute;
    top: -0.25rem;
    right: -0.25rem;
    min-width: 1.25rem;
    padding: 0 0.3rem;
    border-radius: var(--r-pill);
    background: var(--seal);
    color: var(--on-seal);
    font-size: var(--size-1);
    font-weight: 700;
    line-height: 1.25rem;
    text-align: center;
  }
  .shelf {
    display: none;
  }
  .nothing {
    position: absolute;
    inset: 0;
    display: grid;
    place-content: center;
    padding: var(--s-5);
    color: var(--on-glass);
    text-align: center;
  }
  .nothing div {
    padding: var(--s-5) var(--s-6);
    border-radius: var(--r-3);
    background: var(--glass-strong);
  }
  .nothing h2 {
    font-family: var(--font-title);
    font-size: var(--size-5);
  }
`;
