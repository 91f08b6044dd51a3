// What the host's form says, checked before it is sent.

import type { Money } from "../wire";
import { parse } from "./money";

export interface LineEntry {
  variant: string;
  use: boolean;
  price: string;
  quantity: string;
  stock: number;
}

export interface Entry {
  kind: "deal" | "listing";
  currency: string;
  lines: readonly LineEntry[];
  perBuyer: string;
  holdS: string;
  opening: "in" | "at" | "hand";
  opensInS: string;
  /** As a datetime-local field has it. */
  opensAt: string;
  runS: string;
}

export interface Terms {
  kind: "deal" | "listing";
  lines: { variant: string; price: Money; quantity: number }[];
  per_buyer_max: number;
  hold_s: number;
  opens_at: number | null;
  closes_at: number | null;
}

/** The name of each field that is wrong. */
export type Wrong = ReadonlySet<string>;

export const LIMITS = {
  quantity: [1, 1_000_000],
  perBuyer: [1, 999],
  holdS: [30, 2_592_000],
  opensInS: [0, 86_400],
  runS: [10, 2_592_000],
} as const;

export function whole(text: string, [low, high]: readonly [number, number]): number | null {
  if (!/^\d{1,9}$/.test(text.trim())) return null;
  const n = Number(text);
  return n >= low && n <= high ? n : null;
}

/** The terms, or which fields are wrong. `now` is the server's time. */
export function terms(entry: Entry, now: number): Terms | Wrong {
  const wrong = new Set<string>();
  const lines: Terms["lines"] = [];
  for (const line of entry.lines) {
    if (!line.use) continue;
    const price = parse(line.price, entry.currency);
    const quantity = whole(line.quantity, [1, Math.max(0, line.stock)]);
    if (price === null) wrong.add(`price-${line.variant}`);
    if (quantity === null) wrong.add(`quantity-${line.variant}`);
    if (price !== null && quantity !== null) lines.push({ variant: line.variant, price, quantity });
  }
  if (!entry.lines.some((line) => line.use)) wrong.add("lines");
  const perBuyer = whole(entry.perBuyer, LIMITS.perBuyer);
  const holdS = whole(entry.holdS, LIMITS.holdS);
  if (perBuyer === null) wrong.add("per-buyer");
  if (holdS === null) wrong.add("hold");
  const times = entry.kind === "listing" ? { opens: null, closes: null } : when(entry, now, wrong);
  if (wrong.size > 0 || perBuyer === null || holdS === null) return wrong;
  return {
    kind: entry.kind,
    lines,
    per_buyer_max: perBuyer,
    hold_s: holdS,
    opens_at: times.opens,
    closes_at: times.closes,
  };
}

function when(
  entry: Entry,
  now: number,
  wrong: Set<string>,
): { opens: number | null; closes: number | null } {
  let opens: number | null = null;
  if (entry.opening === "in") {
    const seconds = whole(entry.opensInS, LIMITS.opensInS);
    if (seconds === null) wrong.add("opens-in");
    else opens = Math.round(now) + seconds * 1000;
  } else if (entry.opening === "at") {
    const at = Date.parse(entry.opensAt);
    if (Number.isNaN(at) || at <= now) wrong.add("opens-at");
    else opens = at;
  }
  if (entry.opening === "hand" || entry.runS.trim() === "") return { opens, closes: null };
  const run = whole(entry.runS, LIMITS.runS);
  if (run === null) wrong.add("run");
  return { opens, closes: opens === null || run === null ? null : opens + run * 1000 };
}

export function isWrong(result: Terms | Wrong): result is Wrong {
  return result instanceof Set;
}
