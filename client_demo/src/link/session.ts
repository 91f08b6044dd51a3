// Who uses this page: a token per role, kept in the browser.

import type { Role } from "../wire";

export interface Kept {
  token: string;
  person: string | null;
  role: Role;
  show: string | null;
  /** When it came, by the browser's clock, which may be wrong. */
  at?: number;
}

interface Claims {
  name?: string;
  iat?: number;
  exp?: number;
  role?: Role;
  show?: string;
}

/** What a token says; it is the server that decides whether it is true. */
export function claims(token: string): Claims {
  const body = token.split(".")[1];
  if (body === undefined) return {};
  try {
    const binary = atob(body.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (c) => c.charCodeAt(0));
    const said: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof said === "object" && said !== null ? said : {};
  } catch {
    return {};
  }
}

/** "change" is fired when the token does. */
export class Session extends EventTarget {
  readonly #place: string;
  #kept: Kept | null = null;

  constructor(readonly role: "viewer" | "host" | "moderator") {
    super();
    this.#place = `dealcast.session.${role}`;
    this.load();
  }

  /** Take what the browser keeps, also from another page of it. */
  load(): void {
    const text = sessionStorage.getItem(this.#place) ?? localStorage.getItem(this.#place);
    this.#kept = text === null ? null : readKept(text);
    if (this.#kept !== null && this.expiresAt <= Date.now()) this.forget();
  }

  get token(): string | null {
    return this.#kept?.token ?? null;
  }

  get person(): string | null {
    return this.#kept?.person ?? null;
  }

  get name(): string {
    return this.token === null ? "" : (claims(this.token).name ?? "");
  }

  get show(): string | null {
    return this.#kept?.show ?? null;
  }

  /** By the browser's clock; a token that does not say lives until it is refused. */
  get expiresAt(): number {
    if (this.#kept === null) return Infinity;
    const { iat, exp } = claims(this.#kept.token);
    if (exp === undefined) return Infinity;
    const { at } = this.#kept;
    return iat === undefined || at === undefined ? exp * 1000 : at + (exp - iat) * 1000;
  }

  keep(kept: Kept): void {
    this.#kept = { ...kept, at: Date.now() };
    const text = JSON.stringify(this.#kept);
    sessionStorage.setItem(this.#place, text);
    localStorage.setItem(this.#place, text);
    this.dispatchEvent(new Event("change"));
  }

  renew(token: string): void {
    if (this.#kept !== null) this.keep({ ...this.#kept, token });
  }

  forget(): void {
    this.#kept = null;
    sessionStorage.removeItem(this.#place);
    localStorage.removeItem(this.#place);
    this.dispatchEvent(new Event("change"));
  }
}

function readKept(text: string): Kept | null {
  try {
    const kept = JSON.parse(text) as Partial<Kept>;
    if (typeof kept.token !== "string") return null;
    const { person = null, role = "viewer", show = null, at } = kept;
    return { token: kept.token, person, role, show, ...(at === undefined ? {} : { at }) };
  } catch {
    return null;
  }
}

/** Take `#code=` or `#token=` out of the address, so that it is not shared by mistake. */
export function takeFragment(): { code: string | null; token: string | null } {
  const said = new URLSearchParams(location.hash.slice(1));
  const [code, token] = [said.get("code"), said.get("token")];
  if (code !== null || token !== null) {
    history.replaceState(history.state, "", location.pathname + location.search);
  }
  return { code, token };
}
