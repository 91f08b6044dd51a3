// The payment that the viewer began: followed until it is decided.

import type { Bag, MyPayment, OrderView } from "../wire";
import { sleep } from "./ask";
import { Bought } from "./bought";
import type { Show } from "./show";

export type PayState = "confirming" | "paid" | "failed" | "voided";

export interface Followed {
  order: string;
  payment: string | null;
  state: PayState;
  view: OrderView | null;
}

const ASK_EVERY_MS = [800, 1200, 2000, 3000, 4000, 5000];
const ASK_FOR_MS = 5 * 60_000;
/** How often in a row neither a payment nor an order must be found to call it off. */
const NEITHER_MAX = 3;

/** "change" is fired when what is followed does. */
export class Payments extends EventTarget {
  /** Shown to the viewer; null when there is nothing to say. */
  followed: Followed | null = null;
  readonly bought: Bought;
  readonly #show: Show;
  readonly #place: string;
  #asking = 0;

  constructor(show: Show) {
    super();
    this.#show = show;
    this.bought = new Bought(show.id, show.api.session.person);
    this.#place = `dealcast.payment.${show.id}`;
  }

  /** A checkout was made; the page now leaves for the provider. */
  began(order: string, payment: string): void {
    localStorage.setItem(this.#place, JSON.stringify({ order, payment }));
  }

  /** Back from the provider: ask until it is decided, whatever `/me` says meanwhile. */
  follow(named: string | null): void {
    const begun = this.#begun();
    const order = begun?.order ?? (named?.startsWith("o") ? named : null);
    if (order === null) return;
    this.#set({ order, payment: begun?.payment ?? null, state: "confirming", view: null });
    void this.#ask(order);
  }

  dismiss(): void {
    this.#asking += 1;
    this.followed = null;
    this.dispatchEvent(new Event("change"));
  }

  heard(event: MyPayment): void {
    const begun = this.#begun();
    const ours = event.order === this.followed?.order || event.order === begun?.order;
    if (!ours) return;
    const states = { captured: "paid", failed: "failed", voided: "voided" } as const;
    const state = event.state in states ? states[event.state as keyof typeof states] : null;
    if (state === null) return;
    const view = this.followed?.view ?? null;
    this.#set({ order: event.order, payment: event.payment, state, view });
  }

  ordered(view: OrderView): void {
    this.bought.note(view);
    if (view.id !== this.followed?.order && view.id !== this.#begun()?.order) return;
    const states = { confirmed: "confirming", paid: "paid", cancelled: "voided" } as const;
    this.#set({ order: view.id, payment: view.payment, state: states[view.state], view });
  }

  async #ask(order: string): Promise<void> {
    const mine = ++this.#asking;
    const until = performance.now() + ASK_FOR_MS;
    let neither = 0;
    for (let i = 0; performance.now() < until && neither < NEITHER_MAX; i++) {
      await sleep(ASK_EVERY_MS[Math.min(i, ASK_EVERY_MS.length - 1)] ?? 5000);
      if (mine !== this.#asking || this.followed?.state !== "confirming") return;
      const paying = await this.#paying(order);
      if (paying !== false) continue;
      // What is no longer being paid has become an order, or has gone back.
      const answer = await this.#show.api.call<OrderView>(`/orders/${order}`);
      if (mine !== this.#asking) return;
      if (answer.ok) this.ordered(answer);
      else if (answer.code === "not_found") neither += 1;
    }
    if (neither === NEITHER_MAX && this.followed?.state === "confirming") {
      this.#set({ ...this.followed, state: "failed" });
    }
  }

  /** Whether the bag has something of the order that is being paid; null: nobody knows. */
  async #paying(order: string): Promise<boolean | null> {
    const path = `/shows/${this.#show.id}/bag`;
    const answer = await this.#show.api.call<Bag>(path);
    return answer.ok ? answer.holds.some((hold) => hold.payment?.order === order) : null;
  }

  #begun(): { order: string; payment: string } | null {
    const text = localStorage.getItem(this.#place);
    if (text === null) return null;
    try {
      return JSON.parse(text) as { order: string; payment: string };
    } catch {
      return null;
    }
  }

  #set(followed: Followed): void {
    this.followed = followed;
    if (followed.state !== "confirming") localStorage.removeItem(this.#place);
    this.dispatchEvent(new Event("change"));
  }
}
