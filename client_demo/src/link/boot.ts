// What every page does first: ask how this installation is, and which show it is about.

import type { Config, ShowPage, ShowView } from "../wire";
import type { Api } from "./api";
import { backoff } from "../pure/retry";
import { sleep } from "./ask";

/** Ask until there is an answer: a page without one can do nothing. */
export async function config(api: Api): Promise<Config> {
  for (let attempt = 0; ; attempt++) {
    const answer = await api.call<Config>("/config");
    if (answer.ok) return answer;
    await sleep(backoff(attempt, Math.random(), 500));
  }
}

/** The show named by id or slug; null if there is none. */
export async function showNamed(api: Api, name: string): Promise<ShowView | null> {
  for (let attempt = 0; ; attempt++) {
    const answer = await api.call<ShowView>(`/shows/${encodeURIComponent(name)}`);
    if (answer.ok) return answer;
    if (!answer.retryable) return null;
    await sleep(backoff(attempt, Math.random(), 500));
  }
}

/** The show to open when nobody named one: what is live, else what comes, else the last. */
export async function showToOpen(api: Api): Promise<ShowView | null> {
  for (let attempt = 0; ; attempt++) {
    const answer = await api.call<ShowPage>("/shows");
    if (answer.ok) {
      const of = (status: ShowView["status"]): ShowView | undefined =>
        answer.shows.find((show) => show.status === status);
      return of("live") ?? of("scheduled") ?? answer.shows[0] ?? null;
    }
    if (!answer.retryable) return null;
    await sleep(backoff(attempt, Math.random(), 500));
  }
}
