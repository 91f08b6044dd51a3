// Who said a line: one that was deleted is no longer there when its act is told.
// Its text is not kept: what was deleted is to be seen nowhere.

import type { Chat } from "../wire";

const KNOWN_MAX = 2000;

export class Names {
  readonly #known = new Map<string, string>();

  learn(lines: readonly Chat[]): void {
    for (const { id, user } of lines) {
      this.#put(id, user.name);
      this.#put(user.id, user.name);
    }
  }

  /** The name of a person, or of who said a line; "" if never heard of. */
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
