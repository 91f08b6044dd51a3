// Which of a thing's texts to show.

import type { Text } from "../wire";

export type Language = "zh-Hant" | "en";

/** Pick by language, then any of the same language, then one that says nothing, then any. */
export function pick(text: Text | null | undefined, language: Language): string {
  if (text === null || text === undefined) return "";
  const exact = text[language];
  if (exact !== undefined) return exact;
  const primary = language.split("-")[0] ?? language;
  const near = Object.keys(text).find((tag) => tag.split("-")[0] === primary);
  const tag = near ?? ("und" in text ? "und" : Object.keys(text)[0]);
  return tag === undefined ? "" : (text[tag] ?? "");
}

export function prefer(languages: readonly string[]): Language {
  for (const tag of languages) {
    const primary = tag.toLowerCase().split("-")[0];
    if (primary === "zh") return "zh-Hant";
    if (primary === "en") return "en";
  }
  return "en";
}
