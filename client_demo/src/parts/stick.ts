// Keeps a list at its end while lines come, unless somebody scrolled up to read.

import type { ReactiveController, ReactiveControllerHost } from "lit";

const NEAR_PX = 48;

export class StickToEnd implements ReactiveController {
  /** Whether lines came that are out of sight. */
  behind = false;
  readonly #host: ReactiveControllerHost;
  readonly #list: () => HTMLElement | null;
  readonly #sizes = new ResizeObserver(() => this.#keep());
  #watched: HTMLElement | null = null;
  #atEnd = true;
  #top = 0;

  constructor(host: ReactiveControllerHost, list: () => HTMLElement | null) {
    this.#host = host;
    this.#list = list;
    host.addController(this);
  }

  hostUpdated(): void {
    const list = this.#list();
    if (list !== this.#watched) {
      this.#sizes.disconnect();
      if (list !== null) this.#sizes.observe(list);
      this.#watched = list;
    }
    this.#keep();
  }

  hostDisconnected(): void {
    this.#sizes.disconnect();
    this.#watched = null;
  }

  scrolled(): void {
    const list = this.#list();
    if (list === null) return;
    const { scrollTop, scrollHeight, clientHeight } = list;
    // The list shrinks when a card beside it grows: only going up is going away.
    if (scrollHeight - clientHeight - scrollTop < NEAR_PX) this.#atEnd = true;
    else if (scrollTop < this.#top) this.#atEnd = false;
    this.#top = scrollTop;
    this.#tell(!this.#atEnd && this.behind);
  }

  toEnd(): void {
    this.#atEnd = true;
    this.#keep();
    this.#tell(false);
  }

  /** Lines came. */
  came(): void {
    if (!this.#atEnd) this.#tell(true);
  }

  #keep(): void {
    const list = this.#list();
    if (list === null || !this.#atEnd) return;
    list.scrollTop = list.scrollHeight;
    this.#top = list.scrollTop;
  }

  #tell(behind: boolean): void {
    if (behind === this.behind) return;
    this.behind = behind;
    this.#host.requestUpdate();
  }
}
