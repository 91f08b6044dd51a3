// A show as a page follows it: one connection, its lanes, the board, the clock.

import { Manager } from "socket.io-client";
import * as board from "../pure/board";
import type { Board } from "../pure/board";
import type { Acts, Chat, Deal, Deleted, Notice, Order, State, Sync } from "../wire";
import type { Api } from "./api";
import { refused, type Answered, type Asked } from "./ask";
import { ServerClock } from "./clock";
import { Lane, type LaneState, type Namespace } from "./lane";

type Listener = (data: unknown) => void;

/** "board" is fired when what is shown changed, "link" when the connection did. */
export class Show extends EventTarget {
  board: Board = board.EMPTY;
  readonly clock: ServerClock;
  readonly #manager: Manager;
  readonly #lanes = new Map<Namespace, Lane>();
  readonly #listeners = new Map<string, Set<Listener>>();
  #queued = false;

  constructor(
    readonly id: string,
    readonly api: Api,
    namespaces: readonly Namespace[],
    from: Partial<Record<Namespace, string | null>> = {},
  ) {
    super();
    this.#manager = new Manager(location.origin, {
      path: "/socket.io/",
      transports: ["websocket"],
      autoConnect: false,
      reconnectionDelay: 500,
      reconnectionDelayMax: 4000,
      randomizationFactor: 0.8,
    });
    this.clock = new ServerClock(() => this.ask("/live", "clock", {}));
    for (const namespace of namespaces) this.open(namespace, from[namespace] ?? null);
    api.session.addEventListener("change", this.#renewed);
  }

  open(namespace: Namespace, from: string | null = null): void {
    if (this.#lanes.has(namespace)) return;
    const lane = new Lane(this.#manager, {
      namespace,
      from,
      show: this.id,
      token: () => this.api.session.token,
      take: (event, data) => this.#take(namespace, event, data),
      changed: () => this.dispatchEvent(new Event("link")),
      renew: () => this.api.renew(),
    });
    this.#lanes.set(namespace, lane);
  }

  /** The worst of the lanes: what a banner tells. */
  get state(): LaneState {
    const order: LaneState[] = ["refused", "lost", "joining"];
    const states = [...this.#lanes.values()].map((lane) => lane.state);
    return order.find((state) => states.includes(state)) ?? "on";
  }

  get code(): string | null {
    return [...this.#lanes.values()].find((lane) => lane.code !== null)?.code ?? null;
  }

  cursor(namespace: Namespace): string | null {
    return this.#lanes.get(namespace)?.cursor ?? null;
  }

  connected(namespace: Namespace): boolean {
    return this.#lanes.get(namespace)?.connected ?? false;
  }

  async ask<A extends keyof Acts>(
    namespace: Namespace,
    act: A,
    data: Asked<A>,
  ): Promise<Answered<A>> {
    const lane = this.#lanes.get(namespace);
    return lane?.ask<Acts[A]["answer"]>(act, data) ?? refused("offline");
  }

  /** Hear an event of a namespace, such as "/me hold"; returns how to stop. */
  on<T>(what: `${Namespace} ${string}`, listener: (data: T) => void): () => void {
    const all = this.#listeners.get(what) ?? new Set();
    this.#listeners.set(what, all.add(listener as Listener));
    return () => all.delete(listener as Listener);
  }

  /** Sign in on lanes that are open already: the server must know who asks. */
  rejoin(): void {
    for (const lane of this.#lanes.values()) lane.rejoin();
  }

  close(): void {
    this.api.session.removeEventListener("change", this.#renewed);
    this.clock.close();
    for (const lane of this.#lanes.values()) lane.close();
  }

  readonly #renewed = (): void => {
    const { token } = this.api.session;
    if (token === null) return;
    for (const [namespace, lane] of this.#lanes) {
      if (lane.connected) void this.ask(namespace, "auth", { token });
    }
  };

  #take(namespace: Namespace, event: string, data: unknown): void {
    if (namespace === "/live") this.#reduce(event, data);
    for (const listener of this.#listeners.get(`${namespace} ${event}`) ?? []) listener(data);
  }

  #reduce(event: string, data: unknown): void {
    if (event === "sync") {
      const said = data as Sync;
      this.clock.hint(said.now);
      void this.clock.measure();
      this.board = board.sync(this.board, said);
    } else if (event === "state") this.board = board.state(this.board, data as State);
    else if (event === "chat") this.board = board.chat(this.board, data as Chat);
    else if (event === "deal") this.board = board.deal(this.board, data as Deal);
    else if (event === "order") this.board = board.order(this.board, data as Order);
    else if (event === "notice") this.board = board.notice(this.board, data as Notice);
    else if (event === "deleted") this.board = board.deleted(this.board, data as Deleted);
    else return;
    this.#tell();
  }

  /** Once for all events that came in one frame. */
  #tell(): void {
    if (this.#queued) return;
    this.#queued = true;
    queueMicrotask(() => {
      this.#queued = false;
      this.dispatchEvent(new Event("board"));
    });
  }
}
