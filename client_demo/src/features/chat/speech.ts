// One's own lines between saying them and seeing them in the log.

import { newKey, sleep } from "../../link/ask";
import type { Show } from "../../link/show";
import { again, backoff } from "../../pure/retry";
import type { Chat, LineId, PersonId } from "../../wire";

export const TEXT_MAX = 300;

export interface Said {
  key: string;
  text: string;
  state: "sending" | "sent" | "failed";
  /** Known once the server has answered. */
  line: LineId | null;
  code: string;
  title: string;
}

/** "change" is fired when a line of one's own goes on its way, arrives or fails. */
export class Speech extends EventTarget {
  said: readonly Said[] = [];
  /** The last line was refused because the viewer is muted; until one gets through. */
  muted = false;
  /** Lines that were said on this page, to mark them as one's own. */
  readonly #own = new Set<LineId>();
  readonly #show: Show;

  constructor(show: Show) {
    super();
    this.#show = show;
    show.on<Chat>("/live chat", (line) => this.#seen(line));
    // After a snapshot no event will say that a line of ours has arrived.
    show.on("/live sync", () => this.#drop((one) => this.#onBoard(one)));
  }

  isOwn(line: LineId, by: PersonId): boolean {
    return this.#own.has(line) || by === this.#show.api.session.person;
  }

  async say(text: string): Promise<void> {
    // What was refused is still where one types, and is said anew from there.
    this.#drop((one) => one.code === "muted");
    const said: Said = { key: newKey(), text, state: "sending", line: null, code: "", title: "" };
    this.#set([...this.said, said]);
    await this.#send(said);
  }

  async again(key: string): Promise<void> {
    const said = this.said.find((one) => one.key === key && one.state === "failed");
    if (said === undefined) return;
    await this.#send(this.#change(said, { state: "sending", code: "" }));
  }

  forget(key: string): void {
    this.#drop((one) => one.key === key);
  }

  async #send(said: Said): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const { text, key } = said;
      const answer = await this.#show.ask("/live", "chat", { text, key });
      if (answer.ok) return this.#sent(said, answer.id);
      const pause = answer.code === "rate_limited";
      if (pause || !again(answer.code, attempt)) {
        const long = answer.code === "invalid" && text.length > TEXT_MAX;
        const code = long ? "too_large" : answer.code;
        if (code === "muted") this.muted = true;
        this.#change(said, { state: "failed", code, title: answer.title ?? answer.detail ?? "" });
        return;
      }
      await sleep(backoff(attempt, Math.random()));
    }
  }

  #sent(said: Said, line: LineId): void {
    this.#own.add(line);
    this.muted = false;
    const sent = this.#change(said, { state: "sent", line });
    if (this.#onBoard(sent)) this.forget(said.key);
  }

  #onBoard(said: Said): boolean {
    const { lines } = this.#show.board;
    return said.line !== null && lines.some((line) => line.id === said.line);
  }

  #seen(line: Chat): void {
    this.#drop((one) => one.line === line.id);
  }

  #change(said: Said, to: Partial<Said>): Said {
    const next = { ...said, ...to };
    this.#set(this.said.map((one) => (one.key === said.key ? next : one)));
    return next;
  }

  #drop(which: (said: Said) => boolean): void {
    if (this.said.some(which)) this.#set(this.said.filter((one) => !which(one)));
  }

  #set(said: readonly Said[]): void {
    this.said = said;
    this.dispatchEvent(new Event("change"));
  }
}
