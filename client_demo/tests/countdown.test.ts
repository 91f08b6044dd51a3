import { expect, test } from "vitest";
import { left, nextChange, share, write } from "../src/pure/countdown";

test("shows a second until it is over", () => {
  expect(write(left(60_000, 0))).toBe("01:00");
  expect(write(left(59_001, 0))).toBe("01:00");
  expect(write(left(59_000, 0))).toBe("00:59");
  expect(write(left(0, 0))).toBe("00:00");
  expect(write(left(0, 5000))).toBe("00:00");
});

test("shows hours once there are some, days as hours", () => {
  expect(write(left(3_600_000, 0))).toBe("1:00:00");
  expect(write(left(90_061_000, 0))).toBe("25:01:01");
});

test("draws the last ten seconds in tenths", () => {
  expect(write(left(9_400, 0), true)).toBe("00:09.4");
  expect(write(left(50, 0), true)).toBe("00:00.1");
  expect(write(left(10_000, 0), true)).toBe("00:10");
});

test("is over exactly at the instant", () => {
  expect(left(1000, 999).over).toBe(false);
  expect(left(1000, 1000).over).toBe(true);
});

test("asks to be drawn again when the text changes", () => {
  expect(nextChange(65_400, 0, true)).toBe(400);
  expect(nextChange(65_000, 0, true)).toBe(1000);
  expect(nextChange(5_250, 0, true)).toBe(50);
  expect(nextChange(5_250, 0, false)).toBe(250);
  expect(nextChange(0, 0, true)).toBe(0);
});

test("keeps the share of a hold between none and all", () => {
  expect(share(150, 0, 300)).toBe(0.5);
  expect(share(900, 0, 300)).toBe(1);
  expect(share(0, 10, 300)).toBe(0);
  expect(share(10, 0, 0)).toBe(0);
});
