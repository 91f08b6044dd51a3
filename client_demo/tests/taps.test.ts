import { expect, test, vi } from "vitest";
import { refused, Taps, type Answer } from "../src/link/ask";

type Got = Answer<{ hold: string }>;

/** Answers in turn, and the keys that were asked with. */
function shop(...answers: Got[]): { keys: string[]; ask: (key: string) => Promise<Got> } {
  const keys: string[] = [];
  const ask = (key: string): Promise<Got> => {
    keys.push(key);
    return Promise.resolve(answers[keys.length - 1] ?? refused("timeout"));
  };
  return { keys, ask };
}

async function tap(taps: Taps, ask: (key: string) => Promise<Got>): Promise<Got> {
  vi.useFakeTimers();
  const answer = taps.do("hold:d1:a:1", ask);
  await vi.runAllTimersAsync();
  vi.useRealTimers();
  return answer;
}

const held: Got = { ok: true, hold: "h1" };

test("a retry of the same tap has the same key", async () => {
  const { keys, ask } = shop(refused("timeout"), refused("recovering"), held);
  expect(await tap(new Taps(), ask)).toEqual(held);
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
});

test("a new tap has a new key, after a yes and after a no", async () => {
  const taps = new Taps();
  const { keys, ask } = shop(held, refused("sold_out", false), held);
  await tap(taps, ask);
  expect(await tap(taps, ask)).toMatchObject({ code: "sold_out" });
  await tap(taps, ask);
  expect(new Set(keys).size).toBe(3);
});

test("a tap without any answer keeps its key for the next one", async () => {
  const taps = new Taps();
  const { keys, ask } = shop();
  expect(await tap(taps, ask)).toMatchObject({ code: "timeout" });
  const before = keys.length;
  await tap(taps, ask);
  expect(keys.length).toBeGreaterThan(before);
  expect(new Set(keys).size).toBe(1);
});

test("a refusal is not asked again", async () => {
  const { keys, ask } = shop(refused("buyer_limit", false), held);
  expect(await tap(new Taps(), ask)).toMatchObject({ code: "buyer_limit" });
  expect(keys).toHaveLength(1);
});
