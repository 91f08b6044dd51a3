// Questions about deals that several screens ask.

import type { Board } from "./board";
import type { DealLine, DealView, Stock, VariantId } from "../wire";
import { pick, type Language } from "./language";

export type Phase = "planned" | "open" | "paused" | "sold_out" | "closed";

export function stockOf(board: Board, deal: DealView, variant: VariantId): Stock {
  const line = deal.lines.find((one) => one.variant === variant);
  const known = board.stock[deal.id]?.[variant];
  return known ?? { free: line?.quantity ?? 0, held: 0, sold: 0 };
}

export function stockOfAll(board: Board, deal: DealView): Stock {
  const sum: Stock = { free: 0, held: 0, sold: 0 };
  for (const line of deal.lines) {
    const stock = stockOf(board, deal, line.variant);
    sum.free += stock.free;
    sum.held += stock.held;
    sum.sold += stock.sold;
  }
  return sum;
}

/** The phase that a page shows at `now`, the server's time. */
export function phase(board: Board, deal: DealView, now: number): Phase {
  if (deal.status === "closed") return "closed";
  if (deal.closes_at !== null && deal.closes_at <= now) return "closed";
  const opened = deal.opens_at !== null && deal.opens_at <= now;
  if (deal.status === "planned" && !opened) return "planned";
  if (board.out.has(deal.id) || stockOfAll(board, deal).free === 0) return "sold_out";
  return deal.status === "paused" ? "paused" : "open";
}

/** How long a deal that is over stays in front when nothing follows it. */
const LAST_SHOWN_MS = 60_000;
/** How soon a planned deal comes before one that is sold out. */
const NEAR_MS = 30_000;

const RANK: Readonly<Record<Phase, number>> = {
  open: 0,
  paused: 1,
  planned: 2,
  sold_out: 3,
  closed: 4,
};

/** The flash deal to put in front: the open one, else the next, else the last. */
export function featured(board: Board, now: number): DealView | null {
  const endOf = (deal: DealView): number =>
    board.ended[deal.id] ?? deal.closes_at ?? deal.opens_at ?? 0;
  const timed = Object.values(board.deals).filter((deal) => deal.kind === "deal");
  const rank = (deal: DealView): number => {
    const is = phase(board, deal, now);
    // Units may come back to what is sold out, until the next deal is near.
    const near = is === "planned" && (deal.opens_at ?? Infinity) - now < NEAR_MS;
    return is === "planned" && !near ? RANK.sold_out + 0.5 : RANK[is];
  };
  timed.sort((a, b) => {
    const byRank = rank(a) - rank(b);
    if (byRank !== 0) return byRank;
    if (phase(board, a, now) === "closed") return endOf(b) - endOf(a);
    const [left, right] = [a.opens_at ?? Infinity, b.opens_at ?? Infinity];
    if (left === right) return a.id < b.id ? 1 : -1;
    return left < right ? -1 : 1;
  });
  const first = timed[0] ?? null;
  if (first === null || phase(board, first, now) !== "closed") return first;
  return endOf(first) > now - LAST_SHOWN_MS ? first : null;
}

export function listings(board: Board): DealView[] {
  return Object.values(board.deals).filter((d) => d.kind === "listing" && d.status !== "closed");
}

/** The soonest to open first; what is opened by hand has no time and comes last. */
export function byOpening(a: DealView, b: DealView): number {
  const [left, right] = [a.opens_at ?? Infinity, b.opens_at ?? Infinity];
  return left === right ? 0 : left - right;
}

/** All that the show sold or sells of a product, what is over too. */
export function dealsOf(board: Board, product: string): DealView[] {
  return Object.values(board.deals).filter((deal) => deal.product.id === product);
}

/**
 * What to buy when a pinned product is tapped: an open deal of it before a listing.
 * Never one that is over: its price is not to be had any more.
 */
export function dealOf(board: Board, product: string, now: number): DealView | null {
  const all = dealsOf(board, product).filter((deal) => phase(board, deal, now) !== "closed");
  all.sort((a, b) => {
    const byPhase = RANK[phase(board, a, now)] - RANK[phase(board, b, now)];
    if (byPhase !== 0) return byPhase;
    return a.kind === b.kind ? byOpening(a, b) : a.kind === "deal" ? -1 : 1;
  });
  return all[0] ?? null;
}

/** When a deal of these next opens or closes by the clock, or null. */
export function nextTurn(deals: readonly DealView[], now: number): number | null {
  const instants = deals
    .filter((deal) => deal.status !== "closed")
    .flatMap((deal) => [deal.opens_at, deal.closes_at])
    .filter((at) => at !== null && at > now);
  return instants.length === 0 ? null : Math.min(...(instants as number[]));
}

/** What a line's variant is called, or "" if the product's title says it already. */
export function variantName(deal: DealView, line: DealLine, language: Language): string {
  const name = pick(line.title, language);
  return name === pick(deal.product.title, language) ? "" : name;
}

/** The name of the one variant of a deal; with more than one there is a choice of names. */
export function onlyVariantName(deal: DealView, language: Language): string {
  const [line] = deal.lines;
  return line === undefined || deal.lines.length > 1 ? "" : variantName(deal, line, language);
}

/** The variant chosen at first: the first with free units, else the first. */
export function firstVariant(board: Board, deal: DealView): VariantId | null {
  const free = deal.lines.find((line) => stockOf(board, deal, line.variant).free > 0);
  return (free ?? deal.lines[0])?.variant ?? null;
}
