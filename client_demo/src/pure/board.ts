// What a page knows of its show, and how each event changes it. Values, no I/O.

import type {
  Chat,
  Deal,
  DealId,
  DealView,
  Deleted,
  Notice,
  Order,
  ProductCard,
  ShowView,
  Sold,
  State,
  Stock,
  Sync,
  VariantId,
} from "../wire";

export const LINES_MAX = 200;
export const TICKS_MAX = 20;

export interface Tick extends Order {
  /** Counts up, so that a list of ticks can tell them apart. */
  key: number;
}

export interface Board {
  show: ShowView | null;
  deals: Readonly<Record<DealId, DealView>>;
  stock: Readonly<Record<DealId, Readonly<Record<VariantId, Stock>>>>;
  /** Deals that said "sold out", until they say otherwise. */
  out: ReadonlySet<DealId>;
  /** When deals were closed that this page saw closing. */
  ended: Readonly<Record<DealId, number>>;
  pins: readonly ProductCard[];
  viewers: number | null;
  likes: number;
  sold: Sold | null;
  slow_ms: number;
  lines: readonly Chat[];
  ticks: readonly Tick[];
  notice: Notice | null;
}

export const EMPTY: Board = {
  show: null,
  deals: {},
  stock: {},
  out: new Set(),
  ended: {},
  pins: [],
  viewers: null,
  likes: 0,
  sold: null,
  slow_ms: 0,
  lines: [],
  ticks: [],
  notice: null,
};

export function sync(board: Board, event: Sync): Board {
  if (event.recovered) return event.state ? state(board, event.state) : board;
  const deals = Object.fromEntries((event.deals ?? []).map((deal) => [deal.id, deal]));
  const fresh: Board = {
    ...EMPTY,
    show: event.show ?? board.show,
    deals,
    lines: (event.chat ?? []).slice(-LINES_MAX),
    ticks: board.ticks,
  };
  return event.state ? state(fresh, event.state) : fresh;
}

export function state(board: Board, event: State): Board {
  const next: Board = { ...board };
  if (event.stock !== undefined) {
    next.stock = { ...board.stock, ...event.stock };
    const out = new Set(board.out);
    for (const [deal, lines] of Object.entries(event.stock)) {
      if (Object.values(lines).some((line) => line.free > 0)) out.delete(deal);
    }
    next.out = out;
  }
  if (event.pins !== undefined) next.pins = event.pins;
  if (event.viewers !== undefined) next.viewers = event.viewers;
  if (event.likes !== undefined) next.likes = event.likes;
  if (event.sold !== undefined) next.sold = event.sold;
  if (event.slow_ms !== undefined) next.slow_ms = event.slow_ms;
  return next;
}

export function chat(board: Board, line: Chat): Board {
  if (board.lines.some((one) => one.id === line.id)) return board;
  return { ...board, lines: [...board.lines, line].slice(-LINES_MAX) };
}

export function deleted(board: Board, event: Deleted): Board {
  const gone = new Set(event.lines);
  return { ...board, lines: board.lines.filter((line) => !gone.has(line.id)) };
}

export function deal(board: Board, event: Deal): Board {
  const known = event.view ?? board.deals[event.deal];
  const out = new Set(board.out);
  if (event.change === "sold_out") out.add(event.deal);
  if (event.change === "back" || event.change === "restocked") out.delete(event.deal);
  if (known === undefined) return { ...board, out };
  const view: DealView = { ...known, status: event.status, reason: event.reason ?? null };
  const closed = event.change === "closed";
  const ended = closed ? { ...board.ended, [event.deal]: event.at } : board.ended;
  return { ...board, out, ended, deals: { ...board.deals, [event.deal]: view } };
}

export function order(board: Board, event: Order): Board {
  const key = (board.ticks.at(-1)?.key ?? 0) + 1;
  return { ...board, ticks: [...board.ticks, { ...event, key }].slice(-TICKS_MAX) };
}

export function notice(board: Board, event: Notice): Board {
  const { show } = board;
  if (show === null || event.code === "recovered") return { ...board, notice: event };
  const changed: ShowView =
    event.code === "show_started"
      ? { ...show, status: "live", starts_at: event.at }
      : { ...show, status: "ended", ended_at: event.at };
  return { ...board, notice: event, show: changed };
}
