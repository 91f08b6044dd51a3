// Places in a log: "<epoch>.<n>", n without gaps.

export interface Place {
  epoch: number;
  n: number;
}

export type Step = "next" | "seen" | "gap";

export function read(cursor: string | null): Place | null {
  const found = /^(\d+)\.(\d+)$/.exec(cursor ?? "");
  return found === null ? null : { epoch: Number(found[1]), n: Number(found[2]) };
}

export function text(place: Place): string {
  return `${place.epoch}.${place.n}`;
}

/** How an event at `at` follows the last one that was taken. */
export function follows(last: Place | null, at: Place): Step {
  if (last === null) return "next";
  if (at.epoch !== last.epoch) return at.epoch < last.epoch ? "seen" : "gap";
  if (at.n <= last.n) return "seen";
  return at.n === last.n + 1 ? "next" : "gap";
}

/** Take the trailing cursor off the arguments of an event. */
export function split(args: readonly unknown[]): { data: unknown; place: Place | null } {
  const last = args.at(-1);
  return { data: args[0], place: typeof last === "string" ? read(last) : null };
}
