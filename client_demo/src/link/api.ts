// The HTTP API: typed answers, refusals as values, tokens renewed when they must.

import { refused, type Answer } from "./ask";
import type { Session } from "./session";

const TIMEOUT_MS = 8000;
const RENEW_AT_LEAST_MS = 30_000;
const TIMER_MAX_MS = 2 ** 31 - 1;

interface Problem {
  code?: unknown;
  retryable?: unknown;
  title?: unknown;
  detail?: unknown;
}

export interface Call {
  method?: "GET" | "POST" | "PUT" | "DELETE";
  body?: unknown;
  key?: string;
}

export class Api {
  #timer = 0;
  #renewing: Promise<boolean> | null = null;

  constructor(readonly session: Session) {
    session.addEventListener("change", () => this.#plan());
    this.#plan();
  }

  /** Ask; an expired token is renewed once and the call made again. */
  async call<T extends object>(path: string, call: Call = {}): Promise<Answer<T>> {
    const answer = await this.#send<T>(path, call);
    if (answer.ok || answer.code !== "token_expired") return answer;
    return (await this.renew()) ? this.#send<T>(path, call) : answer;
  }

  /** Exchange the token for one that lives longer; at most one at a time. */
  async renew(): Promise<boolean> {
    this.#renewing ??= this.#renew().finally(() => (this.#renewing = null));
    return this.#renewing;
  }

  async #renew(): Promise<boolean> {
    const answer = await this.#send<{ token: string }>("/tokens/renew", {
      method: "POST",
      body: {},
    });
    if (answer.ok) this.session.renew(answer.token);
    return answer.ok;
  }

  #plan(): void {
    clearTimeout(this.#timer);
    const { expiresAt } = this.session;
    if (expiresAt === Infinity) return;
    // Well before it ends, and not all pages of a show at the same moment.
    const left = expiresAt - Date.now();
    const wait = Math.max(RENEW_AT_LEAST_MS, left * (0.7 + Math.random() * 0.15));
    this.#timer = setTimeout(() => void this.renew(), Math.min(wait, TIMER_MAX_MS));
  }

  async #send<T extends object>(path: string, call: Call): Promise<Answer<T>> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (call.body !== undefined) headers["Content-Type"] = "application/json";
    if (call.key !== undefined) headers["Idempotency-Key"] = call.key;
    if (this.session.token !== null) headers["Authorization"] = `Bearer ${this.session.token}`;
    let response: Response;
    try {
      response = await fetch(`/api/v1${path}`, {
        method: call.method ?? "GET",
        headers,
        credentials: "same-origin",
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      });
    } catch (error) {
      const late = error instanceof DOMException && error.name === "TimeoutError";
      return refused(late ? "timeout" : "offline");
    }
    const body = await read(response);
    if (response.ok) return { ...(body as T), ok: true };
    return problem(response.status, body as Problem);
  }
}

async function read(response: Response): Promise<unknown> {
  try {
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null ? body : {};
  } catch {
    return {};
  }
}

function problem(status: number, said: Problem): Answer<never> {
  const code = typeof said.code === "string" ? said.code : fallback(status);
  return {
    ok: false,
    code,
    retryable: said.retryable === true || status >= 502,
    ...(typeof said.title === "string" ? { title: said.title } : {}),
    ...(typeof said.detail === "string" ? { detail: said.detail } : {}),
  };
}

function fallback(status: number): string {
  if (status === 404) return "not_found";
  if (status === 401) return "token_missing";
  if (status === 403) return "forbidden";
  if (status === 429) return "rate_limited";
  return status >= 500 ? "unavailable" : "refused";
}
