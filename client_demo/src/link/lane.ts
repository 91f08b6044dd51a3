// One namespace of the connection: its cursor, and a fresh join after a gap.

import type { Manager, Socket } from "socket.io-client";
import { follows, read, split, text, type Place } from "../pure/cursor";
import { backoff } from "../pure/retry";
import { refused, type Answer } from "./ask";
import type { Gap, Sync } from "../wire";

const ACK_MS = 5000;

export type Namespace = "/live" | "/me" | "/staff";
export type LaneState = "joining" | "on" | "lost" | "refused";
export type Take = (event: string, data: unknown) => void;

export interface LaneTerms {
  namespace: Namespace;
  show: string;
  token: () => string | null;
  /** Everything that is new comes here, in the log's order. */
  take: Take;
  changed: () => void;
  /** Where an earlier page had got to, if it kept that. */
  from?: string | null;
  /** Asked when the token was refused; says whether there is another one now. */
  renew: () => Promise<boolean>;
}

export class Lane {
  state: LaneState = "joining";
  /** Why the server does not let us in, if it does not. */
  code: string | null = null;
  /** How often the log was joined anew because something was missing. */
  gaps = 0;
  readonly #socket: Socket;
  readonly #terms: LaneTerms;
  #last: Place | null = null;
  #attempts = 0;
  #timer = 0;

  constructor(manager: Manager, terms: LaneTerms) {
    this.#terms = terms;
    this.#last = read(terms.from ?? null);
    this.#socket = manager.socket(terms.namespace, {
      auth: (send: (auth: object) => void) => send(this.#auth()),
    });
    this.#socket.on("connect", () => this.#connected());
    this.#socket.on("disconnect", (reason) => this.#lost(reason));
    this.#socket.on("connect_error", (error) => this.#failed(error));
    this.#socket.onAny((event: string, ...args: unknown[]) => this.#event(event, args));
    this.#socket.connect();
  }

  get cursor(): string | null {
    return this.#last === null ? null : text(this.#last);
  }

  get connected(): boolean {
    return this.#socket.connected;
  }

  async ask<T extends object>(event: string, data: object, ms = ACK_MS): Promise<Answer<T>> {
    if (!this.#socket.connected) return refused("offline");
    try {
      return (await this.#socket.timeout(ms).emitWithAck(event, data)) as Answer<T>;
    } catch {
      return refused("timeout");
    }
  }

  /** Come back as somebody else, or with nothing seen. */
  rejoin(): void {
    clearTimeout(this.#timer);
    this.#last = null;
    this.#socket.disconnect().connect();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#socket.disconnect();
  }

  #auth(): object {
    const { token, show } = this.#terms;
    // The cursor is ours to send: the library's own is left out, since it cannot forget.
    return {
      token: token(),
      show,
      pid: undefined,
      offset: undefined,
      ...(this.#last === null ? {} : { cursor: text(this.#last) }),
    };
  }

  #connected(): void {
    this.#attempts = 0;
    this.#set("on", null);
  }

  #lost(reason: string): void {
    if (reason === "io client disconnect") return;
    this.#set("lost", null);
    // The library comes back by itself, but not when the server hung up.
    if (reason === "io server disconnect") this.#later();
  }

  #failed(error: Error): void {
    const said = (error as Error & { data?: { code?: string; retryable?: boolean } }).data;
    if (this.#socket.active || said?.code === undefined) {
      // The connection itself failed; the manager tries again.
      if (this.state === "on") this.#set("lost", null);
      if (!this.#socket.active) this.#later();
      return;
    }
    if (said.code === "token_expired" || said.code === "token_invalid") {
      void this.#terms.renew().then((renewed) => {
        if (renewed) this.#later();
        else this.#set("refused", said.code ?? null);
      });
    } else if (said.retryable === true) {
      this.#set("lost", said.code);
      this.#later();
    } else {
      this.#set("refused", said.code);
    }
  }

  #later(): void {
    clearTimeout(this.#timer);
    const wait = backoff(this.#attempts++, Math.random(), 500, 10_000);
    this.#timer = setTimeout(() => this.#socket.connect(), wait);
  }

  #event(event: string, args: readonly unknown[]): void {
    const { data, place } = split(args);
    if (event === "sync") {
      // After a recovery the log goes on behind the cursor that we sent.
      if (!(data as Sync).recovered) this.#last = place;
    } else if (event === "gap") {
      const { to_n } = data as Gap;
      const epoch = place?.epoch ?? this.#last?.epoch;
      if (epoch !== undefined) this.#last = { epoch, n: to_n };
    } else if (place !== null) {
      // One's own events share their numbers with other people's.
      const numbered = this.#terms.namespace !== "/me";
      const step = follows(this.#last, place);
      if (step === "seen") return;
      if (step === "gap" && (numbered || place.epoch !== this.#last?.epoch)) {
        this.gaps += 1;
        this.rejoin();
        return;
      }
      this.#last = place;
    }
    this.#terms.take(event, data);
  }

  #set(state: LaneState, code: string | null): void {
    this.state = state;
    this.code = code;
    this.#terms.changed();
  }
}
