// Who said what: lines that were deleted are no longer there when their act is told.

import type { Chat } from "../wire";

const KNOWN_MAX = 2000;
const QUOTE_MAX = 60;

export class Names {
  readonly #known = new Map<string, string>();

  learn(lines: readonly Chat[]): void {
    for (const { id, user, text } of lines) {
      this.#put(id, `${user.name}: ${quote(text)}`);
      this.#put(user.id, user.name);
    }
  }

  /** The name of a person, or a line with its speaker; "" if never heard of. */
  of(subject: string): string {
    return this.#known.get(subject) ?? "";
  }

  #put(id: string, name: string): void {
    this.#known.delete(id);
    this.#known.set(id, name);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= KNOWN_MAX) break;
      this.#known.delete(oldest);
    }
  }
}

function quote(text: string): string {
  const signs = [...text];
  return signs.length <= QUOTE_MAX ? text : `${signs.slice(0, QUOTE_MAX - 1).join("")}…`;
}
