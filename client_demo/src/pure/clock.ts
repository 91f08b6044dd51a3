// The server's clock, from round trips.

export interface Trip {
  sentAt: number; // performance.now
  heardAt: number;
  server: number; // int ms UTC, somewhere between the two
}

export interface Offset {
  /** Added to performance.now it gives the server's time. */
  ms: number;
  /** Half of the round trip: how far off it can be. */
  error: number;
}

/** The trip with the least time on the wire says most about the clock. */
export function best(trips: readonly Trip[]): Offset | null {
  let found: Offset | null = null;
  for (const trip of trips) {
    const error = (trip.heardAt - trip.sentAt) / 2;
    if (error < 0 || (found !== null && found.error <= error)) continue;
    found = { ms: trip.server - (trip.sentAt + error), error };
  }
  return found;
}
