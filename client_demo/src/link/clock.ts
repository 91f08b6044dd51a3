// The server's time on this page.

import { best, type Offset, type Trip } from "../pure/clock";
import { sleep, type Answer } from "./ask";

const TRIPS = 5;
const BETWEEN_MS = 80;
const AGAIN_MS = 4 * 60_000;

type AskClock = () => Promise<Answer<{ now: number }>>;

/** "change" is fired when the offset does. */
export class ServerClock extends EventTarget {
  #offset: Offset | null = null;
  #measuring = false;
  #timer = 0;
  readonly #ask: AskClock;
  readonly #seen = (): void => {
    if (document.visibilityState === "visible") void this.measure();
  };

  constructor(ask: AskClock) {
    super();
    this.#ask = ask;
    document.addEventListener("visibilitychange", this.#seen);
    this.#timer = setInterval(() => void this.measure(), AGAIN_MS);
  }

  /** Int ms UTC by the server's clock. */
  now(): number {
    return performance.now() + (this.#offset?.ms ?? performance.timeOrigin);
  }

  /** Whether the offset was measured, and how far off it can be. */
  get error(): number | null {
    return this.#offset?.error ?? null;
  }

  /** What a snapshot says is late by its way here: good enough until measured. */
  hint(now: number): void {
    if (this.#offset !== null) return;
    this.#offset = { ms: now - performance.now(), error: Infinity };
    this.dispatchEvent(new Event("change"));
  }

  async measure(): Promise<void> {
    if (this.#measuring) return;
    this.#measuring = true;
    const trips: Trip[] = [];
    try {
      for (let i = 0; i < TRIPS; i++) {
        if (i > 0) await sleep(BETWEEN_MS);
        const sentAt = performance.now();
        const answer = await this.#ask();
        if (!answer.ok) break;
        trips.push({ sentAt, heardAt: performance.now(), server: answer.now });
      }
    } finally {
      this.#measuring = false;
    }
    const found = best(trips);
    if (found === null) return;
    this.#offset = found;
    this.dispatchEvent(new Event("change"));
  }

  close(): void {
    clearInterval(this.#timer);
    document.removeEventListener("visibilitychange", this.#seen);
  }
}
