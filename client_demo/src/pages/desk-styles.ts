// The frame of the staff pages: a head, and columns that scroll each for itself.

import { css } from "lit";

export const deskStyles = css`
  .desk {
    display: grid;
    grid-template-rows: auto auto minmax(0, 1fr);
    height: 100dvh;
    min-width: 64rem;
  }
  .columns {
    display: grid;
    gap: var(--s-4);
    min-height: 0;
    padding: var(--s-4);
  }
  .panel {
    display: flex;
    flex-direction: column;
    min-width: 0;
    min-height: 0;
    border: 1px solid var(--edge);
    border-radius: var(--r-3);
    background: var(--surface);
    overflow: hidden;
  }
  .panel > h2,
  .panel > header {
    display: flex;
    align-items: center;
    gap: var(--s-2);
    min-height: 2.875rem;
    padding: 0 var(--s-4);
    border-bottom: 1px solid var(--edge);
    font-size: var(--size-3);
    font-weight: 650;
  }
  .fill {
    flex: 1;
    min-height: 0;
  }
  .scroll {
    overflow-y: auto;
    padding: var(--s-3);
  }
`;
