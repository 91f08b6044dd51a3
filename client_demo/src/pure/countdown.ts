// What is left until an instant, and how to write it.

export interface Left {
  days: number;
  hours: number;
  minutes: number;
  seconds: number;
  tenths: number;
  over: boolean;
}

export function left(until: number, now: number): Left {
  const ms = Math.max(0, until - now);
  const tenths = Math.ceil(ms / 100);
  // A clock shows the second that has begun: "00:01" stands until the end.
  const all = ms < 10_000 ? Math.floor(tenths / 10) : Math.ceil(ms / 1000);
  return {
    days: Math.floor(all / 86_400),
    hours: Math.floor(all / 3600) % 24,
    minutes: Math.floor(all / 60) % 60,
    seconds: all % 60,
    tenths: tenths % 10,
    over: ms === 0,
  };
}

const two = (n: number): string => String(n).padStart(2, "0");

/** "04:59", "1:04:59"; the last ten seconds of a `fine` one with tenths, "00:09.4". */
export function write(rest: Left, fine = false): string {
  const hours = rest.days * 24 + rest.hours;
  const clock = `${two(rest.minutes)}:${two(rest.seconds)}`;
  if (hours > 0) return `${hours}:${clock}`;
  if (fine && rest.minutes === 0 && rest.seconds < 10) return `${clock}.${rest.tenths}`;
  return clock;
}

/** When the drawing next changes, in ms from now; 0 when nothing will. */
export function nextChange(until: number, now: number, fine: boolean): number {
  const ms = until - now;
  if (ms <= 0) return 0;
  const every = fine && ms <= 10_000 ? 100 : 1000;
  return ms % every || every;
}

/** The part of a hold's life that is left, 1 to 0. */
export function share(until: number, now: number, wholeMs: number): number {
  if (wholeMs <= 0) return 0;
  return Math.min(1, Math.max(0, (until - now) / wholeMs));
}
