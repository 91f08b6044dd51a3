// What the viewer holds in this show, and paying for it.

import type {
  Bag as BagAnswer,
  BagHold,
  CheckedOut,
  DealId,
  DealView,
  Done,
  Held,
  HoldId,
  HoldState,
  MyHold,
  MyPayment,
  OrderView,
  VariantId,
} from "../wire";
import { Taps, type Answer } from "./ask";
import { Payments } from "./payments";
import type { Show } from "./show";

const SHOWN: ReadonlySet<HoldState> = new Set(["held", "paying"]);
/** How long after its end a hold is asked for, when no event said what became of it. */
const OVERDUE_MS = 2000;
/** The bag is read from the books, which follow a hold by some milliseconds. */
const YOUNG_MS = 3000;
const AGAIN_MS = 1000;

/** "change" is fired when the bag does; "lost" when a hold expired. */
export class Bag extends EventTarget {
  holds: readonly BagHold[] = [];
  /** Deals of which a unit is being asked for, and holds being released. */
  readonly busy = new Set<string>();
  readonly payments: Payments;
  readonly #show: Show;
  readonly #taps = new Taps();
  readonly #born = new Map<HoldId, number>();
  /** Where it stands when something was last held, for a page that is loaded anew. */
  readonly #lately: string;
  #timer = 0;

  constructor(show: Show) {
    super();
    this.#show = show;
    this.#lately = `dealcast.held.${show.id}`;
    this.payments = new Payments(show);
    show.on<MyHold>("/me hold", (event) => this.#heard(event));
    show.on<MyPayment>("/me payment", (event) => {
      this.payments.heard(event);
      if (event.state !== "pending") void this.refresh();
    });
    show.on<OrderView>("/me order", (event) => {
      this.payments.ordered(event);
      void this.refresh();
    });
    // Holds may have gone while we were away.
    show.on("/me sync", () => void this.#catchUp());
    this.payments.addEventListener("change", () => this.#tell());
  }

  /** The provider's page of a payment that was begun and not finished. */
  get payUrl(): string | null {
    const paying = this.holds.findLast((hold) => hold.state === "paying");
    return paying?.payment?.url ?? null;
  }

  get units(): number {
    return this.holds.reduce((sum, hold) => sum + hold.quantity, 0);
  }

  /** How many of a deal the viewer holds or has bought, as far as this page knows. */
  has(deal: DealId): number {
    const { bought } = this.payments;
    const held = this.holds.filter(
      // Of what is paid already the books may still show the hold.
      (one) => one.deal === deal && !(one.payment !== null && bought.knows(one.payment.order)),
    );
    return held.reduce((sum, one) => sum + one.quantity, 0) + bought.units(deal);
  }

  hasAll(deal: DealView): boolean {
    return this.has(deal.id) >= deal.per_buyer_max;
  }

  /** How many may be asked for at once: one at least, which the server then refuses. */
  mayHave(deal: DealView): number {
    return Math.max(1, deal.per_buyer_max - this.has(deal.id));
  }

  /** The soonest end of what is held and can still be lost. */
  get expiresAt(): number | null {
    const held = this.holds.filter((hold) => hold.state === "held");
    return held.length === 0 ? null : Math.min(...held.map((hold) => hold.expires_at));
  }

  async refresh(): Promise<void> {
    if (this.#show.api.session.token === null) return;
    const answer = await this.#show.api.call<BagAnswer>(`/shows/${this.#show.id}/bag`);
    if (!answer.ok) return;
    const told = new Set(answer.holds.map((hold) => hold.hold));
    const now = performance.now();
    const young = this.holds.filter(
      ({ hold }) => !told.has(hold) && now - (this.#born.get(hold) ?? -Infinity) < YOUNG_MS,
    );
    this.holds = [...answer.holds.filter((hold) => SHOWN.has(hold.state)), ...young];
    this.#tell();
  }

  /** Hold units: one tap, one key, however often it must be asked. */
  async buy(deal: DealId, variant: VariantId, quantity: number): Promise<Answer<Held>> {
    this.#busy(deal, true);
    const what = `hold:${deal}:${variant}:${quantity}`;
    const answer = await this.#taps.do(what, (key) => {
      const ask = { variant, quantity };
      if (this.#show.connected("/live")) {
        return this.#show.ask("/live", "hold", { deal, ...ask, key });
      }
      const call = { method: "POST", body: ask, key } as const;
      return this.#show.api.call<Held>(`/deals/${deal}/holds`, call);
    });
    this.#busy(deal, false);
    if (answer.ok && answer.state === "held") {
      this.#put(deal, variant, quantity, answer);
    }
    return answer;
  }

  async remove(hold: HoldId): Promise<Answer<Done>> {
    this.#busy(hold, true);
    const answer = await this.#taps.do(`release:${hold}`, () =>
      this.#show.connected("/live")
        ? this.#show.ask("/live", "release", { hold })
        : this.#show.api.call<Done>(`/holds/${hold}`, { method: "DELETE" }),
    );
    this.#busy(hold, false);
    const over = !answer.ok && ["hold_expired", "hold_released"].includes(answer.code);
    if (answer.ok || over) this.#drop(hold);
    return answer;
  }

  /** Turn all that is held into one order; the answer says where to pay. */
  async checkout(): Promise<Answer<CheckedOut>> {
    const holds = this.holds.filter((one) => one.state === "held").map((one) => one.hold);
    this.#busy("checkout", true);
    const what = `checkout:${[...holds].sort().join()}`;
    const answer = await this.#taps.do(what, (key) =>
      this.#show.api.call<CheckedOut>("/checkout", { method: "POST", body: { holds }, key }),
    );
    this.#busy("checkout", false);
    if (answer.ok) this.payments.began(answer.order, answer.payment.id);
    else void this.refresh();
    return answer;
  }

  /** What was held just before the page was loaded may not be in the books yet. */
  async #catchUp(): Promise<void> {
    await this.refresh();
    const ago = Date.now() - Number(localStorage.getItem(this.#lately) ?? 0);
    if (ago < YOUNG_MS) setTimeout(() => void this.refresh(), AGAIN_MS);
  }

  #heard(event: MyHold): void {
    if (SHOWN.has(event.state)) void this.refresh();
    else {
      const known = this.holds.some((hold) => hold.hold === event.hold);
      this.#drop(event.hold);
      if (known && event.state === "expired") this.dispatchEvent(new Event("lost"));
    }
  }

  #put(deal: DealId, variant: VariantId, quantity: number, answer: Held): void {
    const view = this.#show.board.deals[deal];
    const line = view?.lines.find((one) => one.variant === variant);
    if (view === undefined || line === undefined) return void this.refresh();
    const { hold, state, expires_at } = answer;
    const { product } = view;
    const { title, price, sku } = line;
    const others = this.holds.filter((one) => one.hold !== hold);
    this.#born.set(hold, performance.now());
    localStorage.setItem(this.#lately, String(Date.now()));
    this.holds = [
      ...others,
      { hold, deal, state, product, variant, sku, title, quantity, price, expires_at, payment: null },
    ];
    this.#tell();
  }

  #drop(hold: HoldId): void {
    this.#born.delete(hold);
    this.holds = this.holds.filter((one) => one.hold !== hold);
    this.#tell();
  }

  #busy(what: string, busy: boolean): void {
    if (busy) this.busy.add(what);
    else this.busy.delete(what);
    this.#tell();
  }

  #tell(): void {
    clearTimeout(this.#timer);
    const { expiresAt } = this;
    if (expiresAt !== null) {
      const wait = Math.max(OVERDUE_MS, expiresAt - this.#show.clock.now() + OVERDUE_MS);
      this.#timer = setTimeout(() => void this.refresh(), wait);
    }
    this.dispatchEvent(new Event("change"));
  }
}
