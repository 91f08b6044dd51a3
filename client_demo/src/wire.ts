// Made by `python -m dealcast.web.typescript`; do not edit.

/** Why a request was refused. */
export const CODES = {
  origin_refused: { status: 403, retryable: false, title: "Pages of this origin may not talk to this server." },
  token_missing: { status: 401, retryable: false, title: "Sign in first." },
  token_invalid: { status: 401, retryable: false, title: "The token is not one of ours." },
  token_expired: { status: 401, retryable: true, title: "The token has expired; renew it and ask again." },
  forbidden: { status: 403, retryable: false, title: "This role may not do that." },
  rate_limited: { status: 429, retryable: true, title: "Too many requests; wait a moment." },
  invalid: { status: 400, retryable: false, title: "The request is malformed." },
  too_large: { status: 413, retryable: false, title: "The request is too large." },
  not_found: { status: 404, retryable: false, title: "There is no such thing." },
  method_not_allowed: { status: 405, retryable: false, title: "This address does not take that method." },
  conflict: { status: 422, retryable: false, title: "The same key was used with another body." },
  in_progress: { status: 409, retryable: true, title: "The same request is still being worked on." },
  version_mismatch: { status: 409, retryable: false, title: "The thing has changed since it was read." },
  wrong_state: { status: 409, retryable: false, title: "That does not follow the state in which the thing is." },
  currency_mismatch: { status: 422, retryable: false, title: "A show sells in one currency." },
  off_step: { status: 422, retryable: false, title: "The amount does not fall on the currency's step." },
  stock_short: { status: 409, retryable: false, title: "There is not so much free stock to allot." },
  recovering: { status: 503, retryable: true, title: "The shop is recovering; ask again with the same key." },
  unavailable: { status: 503, retryable: true, title: "A part did not answer in time; ask again with the same key." },
  provider_unavailable: { status: 503, retryable: true, title: "The payment provider did not answer; ask again." },
  not_open: { status: 409, retryable: true, title: "The deal has not opened yet." },
  paused: { status: 409, retryable: true, title: "The deal is paused." },
  closed: { status: 410, retryable: false, title: "The deal is closed." },
  buyer_limit: { status: 409, retryable: false, title: "That is more than one buyer may have of this deal." },
  sold_out: { status: 409, retryable: false, title: "Nothing is left of it." },
  hold_expired: { status: 410, retryable: false, title: "The hold has expired and its units went back." },
  hold_released: { status: 410, retryable: false, title: "The hold was released." },
  hold_paying: { status: 409, retryable: false, title: "The hold is being paid." },
  hold_confirmed: { status: 409, retryable: false, title: "The hold has become an order." },
  refund_due: { status: 409, retryable: false, title: "The payment came too late and goes back." },
  muted: { status: 403, retryable: false, title: "You are muted in this show." },
  slow_mode: { status: 429, retryable: true, title: "Slow mode: wait before the next line." },
  chat_full: { status: 429, retryable: true, title: "The chat is moving too fast; try again." },
} as const;
export type Code = keyof typeof CODES;

export type ShowId = string;

export type DealId = string;

export type HoldId = string;

export type OrderId = string;

export type PaymentId = string;

export type LineId = string;

export type PersonId = string;

export type VariantId = string;

export type ProductId = string;

export type Text = Record<string, string>;

export type Role = "viewer" | "host" | "moderator" | "assistant" | "shop";

export type DealStatus = "planned" | "open" | "paused" | "closed";

export type HoldState = "held" | "paying" | "confirmed" | "released" | "expired";

/** The units of one variant in one deal; allotted = free + held + sold. */
export interface Stock {
  free: number;
  held: number;
  sold: number;
}

/** As much of a product as a page shows of it in a list. */
export interface ProductCard {
  id: ProductId;
  title: Text;
  image: string | null;
  tags: string[];
}

/** What the show has sold, by the ledger. */
export interface Sold {
  orders: number;
  units: number;
}

/** Latest-wins state; an event carries what changed, a snapshot all of it. */
export interface State {
  stock?: Record<DealId, Record<VariantId, Stock>>;
  pins?: ProductCard[];
  viewers?: number;
  likes?: number;
  sold?: Sold;
  slow_ms?: number;
}

/** Whose goods they are. */
export interface Seller {
  id: string;
  name: Text;
}

/** A sum in minor units, such as ``{"amount": 12900, "currency": "CNY"}``. */
export interface Money {
  amount: number;
  currency: string;
}

/** The thing counted. */
export interface VariantView {
  id: VariantId;
  sku: string;
  title: Text;
  prices: Money[];
  stock: number;
}

/** What is sold. */
export interface ProductView {
  id: ProductId;
  title: Text;
  image: string | null;
  tags: string[];
  seller: Seller;
  variants: VariantView[];
  version: number;
}

/** One live sale. */
export interface ShowView {
  id: ShowId;
  slug: string | null;
  title: Text;
  currency: string;
  status: "scheduled" | "live" | "ended";
  host: string;
  starts_at: number | null;
  ended_at: number | null;
}

/** One variant of a deal at its price. */
export interface DealLine {
  variant: VariantId;
  sku: string;
  title: Text;
  price: Money;
  reference_price: Money;
  quantity: number;
}

/** A timed price with its own allotted stock; a listing has no end. */
export interface DealView {
  id: DealId;
  show: ShowId;
  kind: "deal" | "listing";
  status: DealStatus;
  product: ProductCard;
  lines: DealLine[];
  per_buyer_max: number;
  hold_s: number;
  opens_at: number | null;
  closes_at: number | null;
  reason: string | null;
}

/** Somebody as others see them. */
export interface Person {
  id: PersonId;
  name: string;
  role: Role;
}

/** A line of chat. Plain text. */
export interface Chat {
  id: LineId;
  user: Person;
  text: string;
  at: number;
}

/** The first event after a join. */
export interface Sync {
  recovered: boolean;
  now: number;
  show: ShowView | null;
  deals: DealView[] | null;
  state: State | null;
  chat: Chat[] | null;
}

/** A deal changed. ``view`` comes when it is new or its terms changed. */
export interface Deal {
  deal: DealId;
  change: "planned" | "opened" | "paused" | "resumed" | "sold_out" | "back" | "restocked" | "closed";
  status: DealStatus;
  at: number;
  reason: string | null;
  view: DealView | null;
}

/** Orders were paid: how many, and at most five masked names. */
export interface Order {
  count: number;
  units: number;
  names: string[];
  at: number;
}

/** Something all should know; ``code`` is for machines, ``text`` for people. */
export interface Notice {
  code: "show_started" | "show_ended" | "recovered";
  at: number;
  text: Text | null;
}

/** Lines of chat that are no longer to be seen anywhere. */
export interface Deleted {
  lines: LineId[];
  at: number;
}

/** Stands in a replay where a deleted line stood. */
export interface Erased {
  at: number;
}

/** Events ``from_n`` to ``to_n`` will not come; a snapshot follows. */
export interface Gap {
  from_n: number;
  to_n: number;
}

/** Events of /live, with a cursor. */
export interface LiveEvents {
  sync: Sync;
  chat: Chat;
  deal: Deal;
  order: Order;
  notice: Notice;
  deleted: Deleted;
  erased: Erased;
  gap: Gap;
}

/** What became of a hold. */
export interface MyHold {
  hold: HoldId;
  deal: DealId;
  state: HoldState;
  at: number;
  reason: string | null;
}

/** What became of a payment. */
export interface MyPayment {
  payment: PaymentId;
  order: OrderId;
  state: "pending" | "authorised" | "captured" | "failed" | "voided";
  at: number;
  reason: string | null;
}

/** One line of an order, its price frozen. */
export interface OrderLine {
  deal: DealId;
  variant: VariantId;
  sku: string;
  title: Text;
  quantity: number;
  price: Money;
}

/** An order, as its buyer and staff see it. */
export interface OrderView {
  id: OrderId;
  show: ShowId;
  state: "confirmed" | "paid" | "cancelled";
  buyer: PersonId;
  name: string;
  lines: OrderLine[];
  total: Money;
  payment: PaymentId;
  at: number;
}

/** Events of /me, with a cursor. */
export interface MeEvents {
  sync: Sync;
  hold: MyHold;
  payment: MyPayment;
  order: OrderView;
}

/** What a member of staff did. */
export interface Audit {
  act: string;
  by: Person;
  subject: string;
  reason: string | null;
  at: number;
}

/** Events of /staff, with a cursor. */
export interface StaffEvents {
  sync: Sync;
  audit: Audit;
  order: OrderView;
}
