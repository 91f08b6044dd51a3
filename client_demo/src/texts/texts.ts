// The page's language, kept per browser, and the texts in it.

import type { ReactiveController, ReactiveControllerHost } from "lit";
import { prefer, type Language } from "../pure/language";
import { CODES } from "../wire";
import { en } from "./en";
import { zhHant, type Texts } from "./zh-Hant";

export type { Texts } from "./zh-Hant";
export const ALL: Readonly<Record<Language, Texts>> = { "zh-Hant": zhHant, en };
const KEPT = "dealcast.language";

/** The text of a refusal: ours, else the server's title, else a plain one. */
export function refusal(language: Language, code: string, title = ""): string {
  const known = ALL[language].refusals[code];
  if (known !== undefined) return known;
  if (title !== "") return title;
  return Object.hasOwn(CODES, code)
    ? CODES[code as keyof typeof CODES].title
    : (ALL[language].refusals["refused"] ?? code);
}

class Tongue extends EventTarget {
  language: Language;

  constructor() {
    super();
    const kept = localStorage.getItem(KEPT);
    this.language = kept === "en" || kept === "zh-Hant" ? kept : prefer(navigator.languages);
    document.documentElement.lang = this.language;
  }

  set(language: Language): void {
    this.language = language;
    localStorage.setItem(KEPT, language);
    document.documentElement.lang = language;
    this.dispatchEvent(new Event("change"));
  }
}

let tongue: Tongue | null = null;
const shared = (): Tongue => (tongue ??= new Tongue());

/** Gives an element its texts, and draws it anew when the language changes. */
export class Speaking implements ReactiveController {
  readonly #host: ReactiveControllerHost;
  readonly #changed = (): void => this.#host.requestUpdate();

  constructor(host: ReactiveControllerHost) {
    this.#host = host;
    host.addController(this);
  }

  get language(): Language {
    return shared().language;
  }

  get t(): Texts {
    return ALL[this.language];
  }

  why(code: string, title = ""): string {
    return refusal(this.language, code, title);
  }

  switch(): void {
    shared().set(this.language === "en" ? "zh-Hant" : "en");
  }

  hostConnected(): void {
    shared().addEventListener("change", this.#changed);
  }

  hostDisconnected(): void {
    shared().removeEventListener("change", this.#changed);
  }
}
