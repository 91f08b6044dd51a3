import { expect, test } from "vitest";
import { ALL, refusal } from "../src/texts/texts";
import { CODES } from "../src/wire";

test("every refusal has a text in both languages", () => {
  for (const code of Object.keys(CODES)) {
    for (const texts of Object.values(ALL)) expect(texts.refusals[code], code).toBeTruthy();
  }
});

test("both languages name the same acts and refusals", () => {
  const [zh, en] = [ALL["zh-Hant"], ALL.en];
  expect(Object.keys(en.acts)).toEqual(Object.keys(zh.acts));
  expect(Object.keys(en.refusals)).toEqual(Object.keys(zh.refusals));
});

test("an unknown code falls back to the server's title", () => {
  expect(refusal("en", "brand_new", "Something new.")).toBe("Something new.");
  expect(refusal("en", "brand_new")).toBe("That did not work; try again");
});

test("ticks count the others", () => {
  expect(ALL["zh-Hant"].tick_some("林**", 3, 5)).toBe("林** 等 3 人買了 5 件");
  expect(ALL.en.tick_some("L**", 2, 5)).toBe("L** and 1 other bought 5");
});
