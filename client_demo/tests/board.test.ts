import { expect, test } from "vitest";
import { chat, deal, deleted, EMPTY, LINES_MAX, notice, order, state, sync } from "../src/pure/board";
import {
  byOpening,
  dealOf,
  featured,
  firstVariant,
  listings,
  nextTurn,
  onlyVariantName,
  phase,
  stockOfAll,
} from "../src/pure/deals";
import type { Board } from "../src/pure/board";
import type { Chat, DealView, Sync } from "../src/wire";

const money = (amount: number) => ({ amount, currency: "TWD" });

function view(id: string, terms: Partial<DealView> = {}): DealView {
  const line = { sku: id, title: {}, price: money(100), reference_price: money(200), quantity: 5 };
  return {
    id,
    show: "s",
    kind: "deal",
    status: "open",
    product: { id: `p-${id}`, title: {}, image: null, tags: [] },
    lines: [
      { ...line, variant: "a" },
      { ...line, variant: "b" },
    ],
    per_buyer_max: 2,
    hold_s: 120,
    opens_at: null,
    closes_at: null,
    ...terms,
  };
}

function line(id: string): Chat {
  return { id, user: { id: "u", name: "林", role: "viewer" }, text: id, at: 1 };
}

function snapshot(deals: DealView[], terms: Partial<Sync> = {}): Board {
  return sync(EMPTY, { recovered: false, now: 0, deals, chat: [], state: {}, ...terms });
}

test("a snapshot replaces all, a recovery only merges the state", () => {
  const board = snapshot([view("d1")], { chat: [line("c1")], state: { viewers: 3 } });
  const back = sync(board, { recovered: true, now: 1, state: { viewers: 4 } });
  expect(back.viewers).toBe(4);
  expect(back.lines).toHaveLength(1);
  const fresh = sync(back, { recovered: false, now: 2, deals: [], chat: [], state: {} });
  expect(fresh.lines).toHaveLength(0);
  expect(fresh.deals).toEqual({});
});

test("state is latest wins, deal by deal", () => {
  const board = snapshot([view("d1"), view("d2")]);
  const one = state(board, { stock: { d1: { a: { free: 1, held: 0, sold: 4 } } }, likes: 7 });
  const two = state(one, { stock: { d2: { a: { free: 0, held: 0, sold: 5 } } } });
  expect(two.stock["d1"]?.["a"]?.free).toBe(1);
  expect(two.likes).toBe(7);
});

test("a line comes once, a deleted one goes, and only so many stay", () => {
  let board = chat(chat(EMPTY, line("c1")), line("c1"));
  expect(board.lines).toHaveLength(1);
  board = deleted(chat(board, line("c2")), { lines: ["c1"], at: 2 });
  expect(board.lines.map((one) => one.id)).toEqual(["c2"]);
  for (let i = 0; i < LINES_MAX + 5; i++) board = chat(board, line(`x${i}`));
  expect(board.lines).toHaveLength(LINES_MAX);
});

test("sold out shows at once, before the stock says so, and ends when units come back", () => {
  let board = snapshot([view("d1")]);
  const event = { deal: "d1", status: "open", at: 1 } as const;
  board = deal(board, { ...event, change: "sold_out" });
  expect(phase(board, view("d1"), 0)).toBe("sold_out");
  board = deal(board, { ...event, change: "back" });
  expect(phase(board, view("d1"), 0)).toBe("open");
  board = deal(board, { ...event, change: "sold_out" });
  board = state(board, { stock: { d1: { a: { free: 1, held: 0, sold: 4 } } } });
  expect(phase(board, view("d1"), 0)).toBe("open");
});

test("a deal opens and closes at its instants by the given clock", () => {
  const timed = view("d1", { status: "planned", opens_at: 1000, closes_at: 2000 });
  const board = snapshot([timed]);
  expect(phase(board, timed, 999)).toBe("planned");
  expect(phase(board, timed, 1000)).toBe("open");
  expect(phase(board, timed, 2000)).toBe("closed");
  expect(phase(board, { ...timed, status: "paused" }, 1500)).toBe("paused");
});

test("an event carries a new deal, or changes a known one", () => {
  let board = deal(EMPTY, { deal: "d1", change: "planned", status: "planned", at: 1, view: view("d1") });
  board = deal(board, { deal: "d1", change: "paused", status: "paused", at: 2, reason: "check" });
  expect(board.deals["d1"]?.status).toBe("paused");
  expect(board.deals["d1"]?.reason).toBe("check");
  expect(deal(EMPTY, { deal: "d9", change: "opened", status: "open", at: 1 }).deals).toEqual({});
});

test("puts the open deal in front, then the next to open", () => {
  const soon = view("d1", { status: "planned", opens_at: 500 });
  const later = view("d2", { status: "planned", opens_at: 900 });
  const done = view("d3", { status: "closed", opens_at: 100 });
  expect(featured(snapshot([done, later, soon]), 0)?.id).toBe("d1");
  const open = view("d4");
  expect(featured(snapshot([done, later, soon, open]), 0)?.id).toBe("d4");
  expect(featured(snapshot([done]), 60_000)?.id).toBe("d3");
  expect(featured(snapshot([done]), 60_100)).toBeNull();
  expect(featured(EMPTY, 0)).toBeNull();
});

test("keeps a deal in front for a while that the host closed by hand", () => {
  const closed = { deal: "d1", change: "closed", status: "closed", at: 5000 } as const;
  const board = deal(snapshot([view("d1", { opens_at: null })]), closed);
  expect(featured(board, 6000)?.id).toBe("d1");
  expect(featured(board, 65_100)).toBeNull();
});

test("keeps a sold-out deal in front until the next one is near", () => {
  const out = view("d1");
  const next = view("d2", { status: "planned", opens_at: 100_000 });
  const gone = { deal: "d1", change: "sold_out", status: "open", at: 1 } as const;
  const board = deal(snapshot([out, next]), gone);
  expect(featured(board, 0)?.id).toBe("d1");
  expect(featured(board, 69_999)?.id).toBe("d1");
  expect(featured(board, 70_001)?.id).toBe("d2");
});

test("finds what is for sale", () => {
  const shelf = view("l1", { kind: "listing", product: { ...view("d1").product } });
  const board = snapshot([shelf, view("d1"), view("l2", { kind: "listing", status: "closed" })]);
  expect(listings(board).map((one) => one.id)).toEqual(["l1"]);
  expect(dealOf(board, "p-d1", 0)?.id).toBe("d1");
  expect(dealOf(board, "nothing", 0)).toBeNull();
  const some = state(board, {
    stock: { d1: { a: { free: 0, held: 1, sold: 4 }, b: { free: 2, held: 0, sold: 3 } } },
  });
  expect(firstVariant(some, view("d1"))).toBe("b");
  expect(stockOfAll(some, view("d1"))).toEqual({ free: 2, held: 1, sold: 7 });
});

test("order ticks are numbered, and the show starts and ends by notice", () => {
  const tick = { count: 3, units: 5, names: ["林**"], at: 1 };
  const board = order(order(EMPTY, tick), tick);
  expect(board.ticks.map((one) => one.key)).toEqual([1, 2]);
  const show = {
    id: "s", slug: null, title: {}, currency: "TWD", status: "scheduled" as const,
    host: "h", starts_at: null, ended_at: null,
  };
  const live = notice({ ...EMPTY, show }, { code: "show_started", at: 5 });
  expect(live.show?.status).toBe("live");
  expect(notice(live, { code: "show_ended", at: 9 }).show?.ended_at).toBe(9);
});

test("what is over is never what a pinned product sells", () => {
  const product = { id: "p", title: {}, image: null, tags: [] };
  const flash = view("d1", { product, closes_at: 1000 });
  const shelf = view("d2", { product, kind: "listing" });
  expect(dealOf(snapshot([flash, shelf]), "p", 999)?.id).toBe("d1");
  expect(dealOf(snapshot([flash, shelf]), "p", 1000)?.id).toBe("d2");
  expect(dealOf(snapshot([flash]), "p", 1000)).toBeNull();
  expect(nextTurn([flash, shelf], 0)).toBe(1000);
  expect(nextTurn([flash, shelf], 1000)).toBeNull();
});

test("what has no time to open comes after what has one", () => {
  const byHand = view("d1", { status: "planned" });
  const late = view("d2", { status: "planned", opens_at: 900 });
  const soon = view("d3", { status: "planned", opens_at: 500 });
  const order = [byHand, late, soon].sort(byOpening).map((deal) => deal.id);
  expect(order).toEqual(["d3", "d2", "d1"]);
  expect(featured(snapshot([byHand, late, soon]), 0)?.id).toBe("d3");
});

test("the only variant is named unless it is called as its product", () => {
  const [first] = view("d1").lines;
  const one = (title: Record<string, string>) =>
    view("d1", {
      product: { id: "p", title: { en: "Chopsticks" }, image: null, tags: [] },
      lines: first === undefined ? [] : [{ ...first, title }],
    });
  expect(onlyVariantName(one({ en: "Pair in a box" }), "en")).toBe("Pair in a box");
  expect(onlyVariantName(one({ en: "Chopsticks" }), "en")).toBe("");
  expect(onlyVariantName(view("d1"), "en")).toBe("");
});
