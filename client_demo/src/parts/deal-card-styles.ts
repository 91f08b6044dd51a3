import { css } from "lit";

export const cardStyles = css`
  article {
    position: relative;
    display: grid;
    gap: var(--s-2);
    padding: var(--s-3);
    border-radius: var(--r-3);
    background: var(--surface);
    color: var(--ink);
    box-shadow: var(--lift-2);
  }
  header {
    display: flex;
    align-items: center;
    justify-content: space-between;
    gap: var(--s-2);
    margin: calc(-1 * var(--s-3));
    margin-bottom: 0;
    padding: var(--s-1) var(--s-3);
    border-radius: var(--r-3) var(--r-3) 0 0;
    background: var(--seal);
    color: var(--on-seal);
    font-size: var(--size-2);
  }
  article:not([data-phase="open"]):not([data-phase="planned"]) header {
    background: var(--sunken);
    color: var(--ink-2);
  }
  header h2 {
    display: inline-flex;
    align-items: center;
    gap: var(--s-1);
    font-size: var(--size-2);
    font-weight: 700;
    letter-spacing: 0.04em;
  }
  .clock {
    display: inline-flex;
    align-items: baseline;
    gap: var(--s-2);
    white-space: nowrap;
  }
  .clock dc-countdown {
    --price: currentcolor;
    font-size: var(--size-5);
    font-weight: 750;
    line-height: 1.3;
  }
  .goods {
    position: relative;
    display: grid;
    grid-template-columns: 4.75rem minmax(0, 1fr);
    gap: var(--s-3);
    align-items: center;
    padding-top: var(--s-1);
  }
  .about {
    display: grid;
    gap: 0.25rem;
    min-width: 0;
  }
  h3 {
    overflow: hidden;
    font-size: var(--size-3);
    font-weight: 600;
    line-height: 1.35;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  dc-price {
    font-size: var(--size-5);
  }
  .note {
    color: var(--ink-2);
    font-size: var(--size-1);
    line-height: 1.4;
  }
  .act {
    display: flex;
    flex-wrap: wrap;
    gap: var(--s-2);
  }
  .buy {
    flex: 1 1 8rem;
    font-size: var(--size-4);
    font-weight: 700;
    letter-spacing: 0.06em;
  }
  article[data-phase="sold_out"] dc-picture,
  article[data-phase="closed"] dc-picture {
    filter: saturate(0.35);
    opacity: 0.75;
  }
  .stamp {
    position: absolute;
    top: 50%;
    left: 2.375rem;
    padding: 0.05em 0.4em 0.1em;
    border: 3px double var(--price);
    border-radius: 0.3em;
    background: color-mix(in srgb, var(--surface) 82%, transparent);
    color: var(--price);
    font-family: var(--font-title);
    font-size: var(--size-3);
    font-weight: 700;
    letter-spacing: 0.04em;
    line-height: 1.3;
    white-space: nowrap;
    transform: translate(-50%, -50%) rotate(-12deg);
    animation: stamp var(--calm) var(--ease);
  }
  @keyframes stamp {
    from {
      opacity: 0;
      transform: translate(-50%, -50%) rotate(-12deg) scale(1.7);
    }
  }
`;
