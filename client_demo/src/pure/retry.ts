// How long to wait before asking again.

/** Exponential with full jitter above a floor: `random` is in [0, 1). */
export function backoff(attempt: number, random: number, baseMs = 250, maxMs = 8000): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** attempt);
  return Math.round(ceiling / 2 + (ceiling / 2) * random);
}

/** Refusals that mean "ask again with the same key" rather than "no". */
const AGAIN: ReadonlySet<string> = new Set([
  "in_progress",
  "recovering",
  "unavailable",
  "provider_unavailable",
  "rate_limited",
  "timeout",
  "offline",
]);

/** Whether a tap that was answered with `code` is worth asking again by itself. */
export function again(code: string, attempt: number, attemptsMax = 5): boolean {
  if (attempt + 1 >= attemptsMax) return false;
  // The page may see the opening a few ms before the server does.
  if (code === "not_open") return attempt < 3;
  return AGAIN.has(code);
}
