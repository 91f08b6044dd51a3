import { expect, test } from "vitest";
import { follows, read, split, text } from "../src/pure/cursor";

const at = (n: number, epoch = 1) => ({ epoch, n });

test("reads and writes a place", () => {
  expect(read("3.41")).toEqual(at(41, 3));
  expect(text(at(41, 3))).toBe("3.41");
  for (const bad of [null, "", "3", "3.", "a.1", "1.2.3"]) expect(read(bad)).toBeNull();
});

test("takes n + 1, skips what it has seen, and notices a gap", () => {
  expect(follows(null, at(9))).toBe("next");
  expect(follows(at(9), at(10))).toBe("next");
  expect(follows(at(9), at(9))).toBe("seen");
  expect(follows(at(9), at(4))).toBe("seen");
  expect(follows(at(9), at(11))).toBe("gap");
});

test("a new epoch without a snapshot is a gap, an old one was seen", () => {
  expect(follows(at(9, 1), at(10, 2))).toBe("gap");
  expect(follows(at(9, 2), at(10, 1))).toBe("seen");
});

test("splits the cursor from the arguments", () => {
  expect(split([{ a: 1 }, "1.7"])).toEqual({ data: { a: 1 }, place: at(7) });
  expect(split([{ a: 1 }])).toEqual({ data: { a: 1 }, place: null });
});
