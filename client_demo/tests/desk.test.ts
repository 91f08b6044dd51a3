import { expect, test } from "vitest";
import { isWrong, terms, whole, type Entry } from "../src/pure/terms";
import { perMinute, turnover, units } from "../src/pure/turnover";
import type { OrderView } from "../src/wire";

const twd = (amount: number) => ({ amount, currency: "TWD" });

function order(id: string, state: OrderView["state"], at: number): OrderView {
  const line = { deal: "d", variant: "v", sku: "s", title: {}, quantity: 2, price: twd(500) };
  return { id, show: "s", state, buyer: "u", name: "林", lines: [line], total: twd(1000), payment: "p", at };
}

const entry: Entry = {
  kind: "deal",
  currency: "TWD",
  lines: [
    { variant: "a", use: true, price: "499", quantity: "20", stock: 50 },
    { variant: "b", use: false, price: "", quantity: "", stock: 5 },
  ],
  perBuyer: "2",
  holdS: "180",
  opening: "in",
  opensInS: "60",
  opensAt: "",
  runS: "300",
};

function wrongs(changes: Partial<Entry>): string[] {
  const result = terms({ ...entry, ...changes }, 1000);
  return isWrong(result) ? [...result] : [];
}

test("turnover leaves out what was cancelled", () => {
  const orders = [order("1", "paid", 1), order("2", "confirmed", 2), order("3", "cancelled", 3)];
  expect(turnover(orders, "TWD")).toEqual(twd(2000));
  expect(units(orders)).toBe(4);
});

test("counts orders by minute, the last minute last", () => {
  const orders = [order("1", "paid", 600_000), order("2", "paid", 539_000), order("3", "paid", 0)];
  expect(perMinute(orders, 600_000, 3)).toEqual([0, 1, 1]);
});

test("makes terms of what the form says, by the server's clock", () => {
  expect(terms(entry, 1000.4)).toEqual({
    kind: "deal",
    lines: [{ variant: "a", price: twd(49_900), quantity: 20 }],
    per_buyer_max: 2,
    hold_s: 180,
    opens_at: 61_000,
    closes_at: 361_000,
  });
});

test("a deal that is opened by hand, and a listing, have no instants", () => {
  const none = { opens_at: null, closes_at: null };
  expect(terms({ ...entry, opening: "hand" }, 0)).toMatchObject(none);
  expect(terms({ ...entry, kind: "listing" }, 0)).toMatchObject({ kind: "listing", ...none });
  expect(terms({ ...entry, runS: "" }, 0)).toMatchObject({ opens_at: 60_000, closes_at: null });
});

test("names every field that is wrong", () => {
  const line = { variant: "a", use: true, price: "499", quantity: "20", stock: 50 };
  expect(wrongs({ lines: [{ ...line, price: "0" }] })).toEqual(["price-a"]);
  expect(wrongs({ lines: [{ ...line, quantity: "51" }] })).toEqual(["quantity-a"]);
  expect(wrongs({ lines: [{ ...line, use: false }] })).toEqual(["lines"]);
  expect(wrongs({ perBuyer: "0", holdS: "29" })).toEqual(["per-buyer", "hold"]);
  expect(wrongs({ opensInS: "-1" })).toEqual(["opens-in"]);
  expect(wrongs({ runS: "5" })).toEqual(["run"]);
  expect(wrongs({ opening: "at", opensAt: "" })).toEqual(["opens-at"]);
});

test("whole numbers only", () => {
  for (const bad of ["", "1.5", "1e3", "-2", "abc", "0"]) expect(whole(bad, [1, 9])).toBeNull();
  expect(whole(" 7 ", [1, 9])).toBe(7);
});
