import type { Manager } from "socket.io-client";
import { beforeEach, expect, test, vi } from "vitest";
import { Lane, type Namespace } from "../src/link/lane";

/** Stands for the library's socket: what it was told, and what it tells. */
class Wire {
  auth: (send: (said: object) => void) => void = () => {};
  connected = false;
  active = true;
  joins: Record<string, unknown>[] = [];
  readonly #on = new Map<string, (...args: never[]) => void>();
  #any: (event: string, ...args: unknown[]) => void = () => {};

  on(event: string, listener: (...args: never[]) => void): void {
    this.#on.set(event, listener);
  }

  onAny(listener: (event: string, ...args: unknown[]) => void): void {
    this.#any = listener;
  }

  connect(): this {
    this.auth((said) => this.joins.push(JSON.parse(JSON.stringify(said))));
    this.connected = true;
    this.tell("connect");
    return this;
  }

  disconnect(): this {
    this.connected = false;
    return this;
  }

  tell(event: string, ...args: unknown[]): void {
    this.#on.get(event)?.(...(args as never[]));
  }

  hear(event: string, ...args: unknown[]): void {
    this.#any(event, ...args);
  }
}

let wire: Wire;
let taken: string[];
let renewals: number;

function join(namespace: Namespace, from: string | null = null): Lane {
  const manager = {
    socket: (_: string, { auth }: { auth: Wire["auth"] }) => Object.assign(wire, { auth }),
  } as unknown as Manager;
  return new Lane(manager, {
    namespace,
    from,
    show: "demo",
    token: () => "t",
    take: (event, data) => taken.push(`${event} ${JSON.stringify(data)}`),
    changed: () => {},
    renew: () => Promise.resolve(++renewals === 1),
  });
}

beforeEach(() => {
  wire = new Wire();
  taken = [];
  renewals = 0;
});

test("joins with no cursor first, and with the last one after that", () => {
  join("/live");
  expect(wire.joins).toEqual([{ token: "t", show: "demo" }]);
  wire.hear("sync", { recovered: false }, "1.4");
  wire.hear("chat", 5, "1.5");
  wire.connect();
  expect(wire.joins[1]).toEqual({ token: "t", show: "demo", cursor: "1.5" });
});

test("goes on behind its own cursor after a recovery", () => {
  join("/live");
  wire.hear("sync", { recovered: false }, "1.4");
  wire.hear("sync", { recovered: true }, "1.9");
  wire.hear("chat", 5, "1.5");
  expect(taken).toHaveLength(3);
});

test("takes nothing twice", () => {
  join("/live");
  wire.hear("sync", { recovered: false }, "1.4");
  wire.hear("chat", 5, "1.5");
  wire.hear("chat", 5, "1.5");
  expect(taken.filter((one) => one.startsWith("chat"))).toHaveLength(1);
});

test("an erased line moves the cursor, an event without one does not", () => {
  join("/live");
  wire.hear("sync", { recovered: false }, "1.4");
  wire.hear("erased", {}, "1.5");
  wire.hear("state", { likes: 1 });
  wire.hear("chat", 6, "1.6");
  expect(taken).toHaveLength(4);
});

test("joins afresh when an event is missing, and does not show what came after it", () => {
  const lane = join("/live");
  wire.hear("sync", { recovered: false }, "1.4");
  wire.hear("chat", 7, "1.7");
  expect(lane.gaps).toBe(1);
  expect(taken).toHaveLength(1);
  expect(wire.joins[1]).not.toHaveProperty("cursor");
});

test("a gap that the server tells is no reason to join afresh", () => {
  const lane = join("/live");
  wire.hear("sync", { recovered: false }, "1.4");
  wire.hear("gap", { from_n: 5, to_n: 8 });
  wire.hear("chat", 9, "1.9");
  expect(lane.gaps).toBe(0);
  expect(taken.at(-1)).toBe("chat 9");
});

test("one's own events share their numbers with others'", () => {
  const lane = join("/me", "1.2");
  wire.hear("hold", 1, "1.5");
  wire.hear("hold", 2, "1.9");
  expect(lane.gaps).toBe(0);
  expect(lane.cursor).toBe("1.9");
});

test("renews a token that has expired, and stays out when that fails", async () => {
  vi.useFakeTimers();
  const lane = join("/live");
  wire.active = false;
  const expired = Object.assign(new Error(), { data: { code: "token_expired" } });
  wire.tell("connect_error", expired);
  await vi.runAllTimersAsync();
  expect(wire.joins).toHaveLength(2);
  wire.tell("connect_error", expired);
  await vi.runAllTimersAsync();
  expect(lane.state).toBe("refused");
  vi.useRealTimers();
});
