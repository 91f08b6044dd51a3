// Asking: what an answer is, keys, and asking again with the same key.

import { again, backoff } from "../pure/retry";
import type { Acts } from "../wire";

/** Refused by the server, or unanswered ("timeout", "offline"). */
export interface Refused {
  ok: false;
  code: string;
  retryable: boolean;
  title?: string;
  detail?: string;
}

/** What an act answers. */
export type Answered<A extends keyof Acts> = Answer<Acts[A]["answer"]>;

/** What an act is asked with over a socket, which knows its show. */
export type Asked<A extends keyof Acts> = Omit<Acts[A]["request"], "show">;

export type Answer<T> = ({ ok: true } & T) | Refused;

export function refused(code: string, retryable = true): Refused {
  return { ok: false, code, retryable };
}

/** A new idempotency key. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const sleep = (ms: number): Promise<void> =>
  new Promise((done) => setTimeout(done, ms));

/** Codes after which nobody knows whether the act was done. */
const UNKNOWN: ReadonlySet<string> = new Set([
  "timeout",
  "offline",
  "in_progress",
  "unavailable",
  "recovering",
]);

/**
 * One key per tap. A tap that got no clear answer keeps its key, so that the
 * next tap on the same thing asks for the same act and cannot do it twice.
 */
export class Taps {
  readonly #open = new Map<string, string>();

  async do<T>(what: string, ask: (key: string) => Promise<Answer<T>>): Promise<Answer<T>> {
    const key = this.#open.get(what) ?? newKey();
    this.#open.set(what, key);
    for (let attempt = 0; ; attempt++) {
      const answer = await ask(key);
      if (answer.ok || !again(answer.code, attempt)) {
        if (answer.ok || !UNKNOWN.has(answer.code)) this.#open.delete(what);
        return answer;
      }
      await sleep(backoff(attempt, Math.random()));
    }
  }
}
