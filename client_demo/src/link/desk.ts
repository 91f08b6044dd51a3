// What a staff page works with: the show, the books as far as staff see them, acts.

import type { Acts, Audit, Chat, OrderPage, OrderView, Products, ProductView, Sync } from "../wire";
import type { Api } from "./api";
import { newKey, type Answered, type Asked } from "./ask";
import { Names } from "./names";
import { Show } from "./show";

export type Turn = "open" | "pause" | "resume" | "close";

/** An act, with whom or what it was done to if this desk could tell when it was. */
export interface Noted extends Audit {
  whose?: string;
}

interface Kept {
  cursor: string | null;
  audits: Noted[];
}

const AUDITS_MAX = 100;
const PAGES_MAX = 20;
const PRODUCT_PAGES_MAX = 20;

/** "change" is fired when orders or products do. */
export class Desk extends EventTarget {
  readonly show: Show;
  /** Newest first. */
  orders: readonly OrderView[] = [];
  products: readonly ProductView[] = [];
  /** What staff did, newest first, with what an earlier page of this browser saw. */
  audits: readonly Noted[] = [];
  /** Whether products were asked for and answered. */
  stocked = false;
  readonly #api: Api;
  readonly #kept: string;
  readonly #names = new Names();

  constructor(api: Api, showId: string) {
    super();
    this.#api = api;
    this.#kept = `dealcast.staff.${showId}.${api.session.role}`;
    const { cursor, audits } = this.#keptBefore();
    this.audits = audits;
    this.show = new Show(showId, api, ["/live", "/staff"], { "/staff": cursor });
    this.show.on<Sync>("/live sync", ({ chat }) => this.#names.learn(chat ?? []));
    this.show.on<Chat>("/live chat", (line) => this.#names.learn([line]));
    this.show.on<OrderView>("/staff order", (order) => this.#put([order]));
    this.show.on<Audit>("/staff audit", (audit) => this.#note(audit));
    this.show.on("/staff sync", () => void this.#readOrders());
  }

  /** Do a staff act. */
  async act<A extends keyof Acts>(name: A, data: Asked<A>): Promise<Answered<A>> {
    return this.show.ask("/staff", name, data);
  }

  /** Open, pause, resume or close; asked again it is the same act. */
  async turn(deal: string, turn: Turn, reason: string): Promise<Answered<"deal_open">> {
    const ask = { deal, key: newKey(), ...(reason === "" ? {} : { reason }) };
    const answer = await this.act(`deal_${turn}`, ask);
    const unsure = !answer.ok && answer.code === "timeout";
    return unsure ? this.act(`deal_${turn}`, ask) : answer;
  }

  async readProducts(): Promise<void> {
    const found = new Map<string, ProductView>();
    let after = "";
    for (let page = 0; page < PRODUCT_PAGES_MAX; page++) {
      const path = `/products?after=${encodeURIComponent(after)}`;
      const answer = await this.#api.call<Products>(path);
      const last = answer.ok ? answer.products.at(-1) : undefined;
      if (!answer.ok || last === undefined || last.id === after) break;
      for (const product of answer.products) found.set(product.id, product);
      after = last.id;
    }
    this.products = [...found.values()];
    this.stocked = true;
    this.dispatchEvent(new Event("change"));
  }

  async #readOrders(): Promise<void> {
    let before: string | null = null;
    for (let page = 0; page < PAGES_MAX; page++) {
      const query: string = before === null ? "" : `?before=${before}`;
      const path = `/shows/${this.show.id}/orders${query}`;
      const answer = await this.#api.call<OrderPage>(path);
      const last = answer.ok ? answer.orders.at(-1) : undefined;
      if (!answer.ok || last === undefined || last.id === before) break;
      const news = answer.orders.some((order) => !this.orders.some((one) => one.id === order.id));
      this.#put(answer.orders);
      // The rest is known from before the connection was lost.
      if (!news) break;
      before = last.id;
    }
  }

  #note(audit: Audit): void {
    const noted: Noted = { ...audit, whose: this.#names.of(audit.subject) };
    this.audits = [noted, ...this.audits].slice(0, AUDITS_MAX);
    const kept: Kept = { cursor: this.show.cursor("/staff"), audits: [...this.audits] };
    localStorage.setItem(this.#kept, JSON.stringify(kept));
    this.dispatchEvent(new Event("change"));
  }

  #keptBefore(): Kept {
    try {
      const kept = JSON.parse(localStorage.getItem(this.#kept) ?? "{}") as Partial<Kept>;
      const { cursor = null, audits = [] } = kept;
      return { cursor, audits };
    } catch {
      return { cursor: null, audits: [] };
    }
  }

  #put(orders: readonly OrderView[]): void {
    const all = new Map(this.orders.map((order) => [order.id, order]));
    for (const order of orders) all.set(order.id, order);
    this.orders = [...all.values()].sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1));
    this.dispatchEvent(new Event("change"));
  }
}
