import { css } from "lit";

export const formStyles = css`
  form {
    display: grid;
    gap: var(--s-4);
  }
  .product {
    display: flex;
    align-items: center;
    gap: var(--s-3);
  }
  .product dc-picture {
    width: 3.5rem;
  }
  .product p {
    display: grid;
    min-width: 0;
  }
  .product span {
    color: var(--ink-2);
    font-size: var(--size-2);
  }
  table {
    width: 100%;
    border-collapse: collapse;
  }
  thead th {
    padding: 0 var(--s-2) var(--s-1);
    color: var(--ink-2);
    font-size: var(--size-2);
    font-weight: 500;
    text-align: start;
  }
  tbody th,
  td {
    padding: var(--s-2);
    border-top: 1px solid var(--edge);
    font-weight: 400;
    text-align: start;
    vertical-align: top;
  }
  th:first-child {
    padding-left: 0;
  }
  td:last-child {
    width: 6.5rem;
    padding-right: 0;
  }
  td:nth-child(2) {
    width: 9.5rem;
  }
  th label {
    display: flex;
    align-items: center;
    gap: var(--s-2);
    min-height: 2.5rem;
    cursor: pointer;
  }
  th label span {
    display: grid;
    font-weight: 600;
    line-height: 1.3;
  }
  input[type="checkbox"],
  input[type="radio"] {
    width: 1.125rem;
    height: 1.125rem;
    margin: 0;
    accent-color: var(--seal);
  }
  small {
    color: var(--ink-2);
    font-size: var(--size-1);
    font-weight: 400;
  }
  .amount,
  .off {
    white-space: nowrap;
  }
  .off {
    color: var(--price);
    font-weight: 650;
  }
  small.wrong {
    color: var(--price);
  }
  [aria-invalid="true"] {
    border-color: var(--price);
  }
  .input:disabled {
    background: var(--sunken);
    color: var(--ink-3);
  }
  .row {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr));
    align-items: start;
    gap: var(--s-3);
  }
  .field {
    align-content: start;
  }
  .opening {
    display: grid;
    grid-template-columns: minmax(0, 1.4fr) minmax(0, 1fr);
    align-items: start;
    gap: var(--s-3);
  }
  fieldset {
    margin: 0;
    padding: 0;
    border: 0;
  }
  legend {
    padding: 0 0 var(--s-1);
    color: var(--ink-2);
    font-size: var(--size-2);
  }
  .ways {
    display: flex;
    min-height: 2.5rem;
    padding: 3px;
    border-radius: var(--r-1);
    background: var(--sunken);
  }
  .ways label {
    position: relative;
    flex: 1;
  }
  .ways input {
    position: absolute;
    inset: 0;
    width: 100%;
    height: 100%;
    opacity: 0;
    cursor: pointer;
  }
  .ways span {
    display: grid;
    place-items: center;
    height: 100%;
    padding: 0 var(--s-2);
    border-radius: calc(var(--r-1) - 2px);
    color: var(--ink-2);
    font-size: var(--size-2);
    white-space: nowrap;
  }
  .ways input:checked + span {
    background: var(--surface);
    color: var(--ink);
    font-weight: 650;
    box-shadow: var(--lift-1);
  }
  .ways input:focus-visible + span {
    outline: 2px solid var(--focus);
  }
`;
