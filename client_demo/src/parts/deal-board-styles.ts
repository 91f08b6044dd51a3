import { css } from "lit";

export const boardStyles = css`
  :host {
    container-type: inline-size;
  }
  ul {
    display: grid;
    gap: var(--s-3);
  }
  li {
    border: 1px solid var(--edge);
    border-radius: var(--r-2);
    background: var(--surface);
    overflow: hidden;
  }
  li[data-phase="closed"] {
    background: none;
  }
  .head {
    display: flex;
    align-items: center;
    gap: var(--s-3);
    padding: var(--s-3);
  }
  dc-picture {
    width: 3rem;
    border-radius: var(--r-1);
  }
  li[data-phase="closed"] dc-picture {
    width: 2.25rem;
    filter: saturate(0.3);
  }
  .name {
    flex: 1;
    min-width: 0;
  }
  h3 {
    overflow: hidden;
    font-size: var(--size-3);
    font-weight: 650;
    line-height: 1.4;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .name p {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0 var(--s-2);
    color: var(--ink-2);
    font-size: var(--size-2);
  }
  .name .why {
    color: var(--amber);
  }
  .clock {
    display: inline-flex;
    align-items: baseline;
    gap: var(--s-1);
  }
  .clock dc-countdown {
    color: var(--ink);
    font-weight: 650;
  }
  .acts {
    display: flex;
    flex: none;
    gap: var(--s-2);
  }
  table {
    width: 100%;
    table-layout: fixed;
    border-collapse: collapse;
    border-top: 1px solid var(--edge);
    font-size: var(--size-2);
  }
  th,
  td {
    padding: 0.3rem var(--s-2);
    text-align: end;
    white-space: nowrap;
  }
  th:first-child {
    padding-left: var(--s-3);
    text-align: start;
  }
  thead th {
    width: 3.75rem;
    color: var(--ink-2);
    font-size: var(--size-1);
    font-weight: 500;
  }
  tbody th {
    overflow: hidden;
    font-weight: 500;
    text-overflow: ellipsis;
  }
  tbody tr + tr > * {
    border-top: 1px solid color-mix(in srgb, var(--edge) 55%, transparent);
  }
  tbody tr:last-child > * {
    padding-bottom: 0.5rem;
  }
  td dc-price {
    display: inline-flex;
    --price: var(--ink);
  }
  .none {
    color: var(--price);
    font-weight: 700;
  }
  thead th:first-child {
    width: auto;
  }
  thead th:nth-child(2) {
    width: 6.5rem;
  }
  thead td {
    width: 20%;
  }
  .bar {
    padding-right: var(--s-3);
  }
  .bar div {
    display: flex;
    height: 0.4rem;
    overflow: hidden;
    border-radius: var(--r-pill);
    background: var(--sunken);
  }
  .bar i {
    transition: width var(--slow) var(--ease);
  }
  .bar .sold {
    background: var(--cobalt);
  }
  @container (max-width: 34rem) {
    thead th {
      width: 2.9rem;
    }
    thead th:nth-child(2) {
      width: 6rem;
    }
    thead td,
    .bar {
      display: none;
    }
    tbody td:nth-last-child(2),
    thead th:last-of-type {
      padding-right: var(--s-3);
    }
  }
  .bar .held {
    background: color-mix(in srgb, var(--cobalt) 40%, transparent);
  }
`;
