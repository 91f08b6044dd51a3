// What the orders of a show come to.

import type { Money, OrderView } from "../wire";
import { total } from "./money";

/** Orders that count: those that were not cancelled. */
export function standing(orders: readonly OrderView[]): OrderView[] {
  return orders.filter((order) => order.state !== "cancelled");
}

export function turnover(orders: readonly OrderView[], currency: string): Money {
  const totals = standing(orders).map((order) => order.total);
  return total(
    currency,
    totals.filter((money) => money.currency === currency),
  );
}

export function units(orders: readonly OrderView[]): number {
  const lines = standing(orders).flatMap((order) => order.lines);
  return lines.reduce((sum, line) => sum + line.quantity, 0);
}

/** How many orders came in each of the last `minutes` minutes, the oldest first. */
export function perMinute(orders: readonly OrderView[], now: number, minutes: number): number[] {
  const counts = new Array<number>(minutes).fill(0);
  for (const { at } of standing(orders)) {
    const ago = Math.floor((now - at) / 60_000);
    const slot = minutes - 1 - Math.max(0, ago);
    if (slot >= 0) counts[slot] = (counts[slot] ?? 0) + 1;
  }
  return counts;
}
