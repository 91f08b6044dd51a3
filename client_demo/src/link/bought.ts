// What the viewer has bought in a show, as far as this browser was told.

import type { DealId, OrderId, OrderView, PersonId } from "../wire";

const ORDERS_MAX = 200;

type Units = Readonly<Record<DealId, number>>;

/** Kept over reloads: one pays on another page, and comes back to a new one. */
export class Bought {
  readonly #orders: Map<OrderId, Units>;
  readonly #place: string;

  constructor(show: string, person: PersonId | null) {
    this.#place = `dealcast.bought.${show}.${person ?? ""}`;
    this.#orders = new Map(Object.entries(readKept(this.#place)));
  }

  note(order: OrderView): void {
    this.#orders.delete(order.id);
    if (order.state !== "cancelled") {
      const units: Record<DealId, number> = {};
      for (const { deal, quantity } of order.lines) units[deal] = (units[deal] ?? 0) + quantity;
      this.#orders.set(order.id, units);
    }
    const kept = [...this.#orders].slice(-ORDERS_MAX);
    localStorage.setItem(this.#place, JSON.stringify(Object.fromEntries(kept)));
  }

  knows(order: OrderId): boolean {
    return this.#orders.has(order);
  }

  units(deal: DealId): number {
    return [...this.#orders.values()].reduce((sum, units) => sum + (units[deal] ?? 0), 0);
  }
}

function readKept(place: string): Record<OrderId, Units> {
  try {
    return JSON.parse(localStorage.getItem(place) ?? "{}") as Record<OrderId, Units>;
  } catch {
    return {};
  }
}
