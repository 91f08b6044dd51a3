import { expect, test } from "vitest";
import { best } from "../src/pure/clock";
import { pick, prefer } from "../src/pure/language";
import { again, backoff } from "../src/pure/retry";

test("believes the trip that took the least time", () => {
  const trips = [
    { sentAt: 0, heardAt: 300, server: 10_260 },
    { sentAt: 400, heardAt: 420, server: 10_410 },
    { sentAt: 500, heardAt: 600, server: 10_580 },
  ];
  expect(best(trips)).toEqual({ ms: 10_000, error: 10 });
  expect(best([])).toBeNull();
});

test("does not believe a trip that ended before it began", () => {
  expect(best([{ sentAt: 10, heardAt: 5, server: 1 }])).toBeNull();
});

test("asks again for what may still come, and not for a refusal", () => {
  expect(again("unavailable", 0)).toBe(true);
  expect(again("timeout", 3)).toBe(true);
  expect(again("timeout", 4)).toBe(false);
  for (const code of ["sold_out", "buyer_limit", "closed", "paused", "conflict"]) {
    expect(again(code, 0), code).toBe(false);
  }
  expect(again("not_open", 0)).toBe(true);
  expect(again("not_open", 3)).toBe(false);
});

test("waits longer each time, up to a limit, never the same for all", () => {
  expect(backoff(0, 0)).toBe(125);
  expect(backoff(2, 0)).toBe(500);
  expect(backoff(2, 0.5)).toBe(750);
  expect(backoff(20, 0.999)).toBeLessThanOrEqual(8000);
});

test("picks the text of the language, or the nearest", () => {
  const tea = { "zh-Hant": "茶", en: "Tea" };
  expect(pick(tea, "en")).toBe("Tea");
  expect(pick({ "zh-TW": "茶" }, "zh-Hant")).toBe("茶");
  expect(pick({ und: "Cha", ja: "茶" }, "en")).toBe("Cha");
  expect(pick({ ja: "茶" }, "en")).toBe("茶");
  expect(pick(null, "en")).toBe("");
});

test("prefers the first language that it speaks", () => {
  expect(prefer(["fr-FR", "zh-TW", "en"])).toBe("zh-Hant");
  expect(prefer(["en-GB", "zh"])).toBe("en");
  expect(prefer(["de"])).toBe("en");
});
