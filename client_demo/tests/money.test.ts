import { expect, test } from "vitest";
import { format, parse, part, price, saving, step, times, total, typed } from "../src/pure/money";

test("writes each currency with its own digits", () => {
  expect(format({ amount: 128000, currency: "TWD" })).toBe("NT$1,280");
  expect(format({ amount: 12950, currency: "CNY" })).toBe("CN¥129.50");
  expect(format({ amount: 1280, currency: "JPY" })).toBe("JP¥1,280");
  expect(format({ amount: 5, currency: "USD" })).toBe("US$0.05");
  expect(format({ amount: 100, currency: "XTS" })).toBe("XTS\u00a01.00");
});

test("groups thousands, also above a million", () => {
  expect(price({ amount: 123456700, currency: "TWD" }).whole).toBe("1,234,567");
});

test("adds and multiplies in minor units", () => {
  const one = { amount: 3300, currency: "CNY" };
  expect(total("CNY", [times(one, 3), one])).toEqual({ amount: 13200, currency: "CNY" });
  expect(total("CNY", [])).toEqual({ amount: 0, currency: "CNY" });
});

test("never claims a saving that is not there", () => {
  const twd = (amount: number) => ({ amount, currency: "TWD" });
  expect(saving(twd(49900), twd(68000))).toBe(26);
  expect(saving(twd(68000), twd(68000))).toBe(0);
  expect(saving(twd(70000), twd(68000))).toBe(0);
  expect(saving(twd(1), twd(0))).toBe(0);
});

test("reads what was typed, and only prices on the step", () => {
  expect(parse("499", "TWD")).toEqual({ amount: 49900, currency: "TWD" });
  expect(parse("1,280", "TWD")).toEqual({ amount: 128000, currency: "TWD" });
  expect(parse("12.5", "CNY")).toEqual({ amount: 1250, currency: "CNY" });
  expect(parse("120", "JPY")).toEqual({ amount: 120, currency: "JPY" });
  for (const bad of ["", "0", "-1", "1.505", "1e3", "abc", "9999999999999"]) {
    expect(parse(bad, "CNY"), bad).toBeNull();
  }
  expect(parse("499.5", "TWD")).toBeNull();
  expect(parse("1.5", "JPY")).toBeNull();
});

test("reads back what it wrote", () => {
  for (const currency of ["TWD", "CNY", "JPY", "USD", "HKD"]) {
    const money = { amount: 1200 * step(currency), currency };
    expect(parse(typed(money), currency)).toEqual(money);
  }
});

test("a part of a price falls on the currency's step, and is never nothing", () => {
  expect(part({ amount: 5900, currency: "CNY" }, 80).amount).toBe(4720);
  expect(part({ amount: 12900, currency: "TWD" }, 80).amount).toBe(10300);
  expect(part({ amount: 1295, currency: "MYR" }, 80).amount).toBe(1035);
  expect(part({ amount: 1, currency: "JPY" }, 80).amount).toBe(1);
});
