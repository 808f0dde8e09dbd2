// Messages in the user's language: JSON tables, {name} placeholders, plural forms by Intl.PluralRules.
// A plural message is an object {one, other}; which form is decided by the value called "count".

import { signal } from "@preact/signals";
import en from "./en.json";
import ja from "./ja.json";

export type Language = "en" | "ja";
export type MessageKey = keyof typeof en;
type Message = string | { one?: string; other: string };
type Values = Record<string, string | number>;

const tables: Record<Language, Record<string, Message>> = { en, ja };
export const languages: { code: Language; name: string }[] = [{ code: "en", name: "English" }, { code: "ja", name: "日本語" }];

/** The best of our languages for what the browser prefers. */
export function choose(preferred: readonly string[]): Language {
  for (const tag of preferred) {
    const code = tag.toLowerCase().split("-")[0];
    if (code === "ja" || code === "en") return code;
  }
  return "en";
}

export const language = signal<Language>("en");

export function format(lang: Language, key: string, values: Values = {}): string {
  const message = tables[lang][key] ?? tables.en[key] ?? key;
  let text: string;
  if (typeof message === "string") {
    text = message;
  } else {
    const form = new Intl.PluralRules(lang).select(Number(values["count"] ?? 0));
    text = (form === "one" ? message.one : undefined) ?? message.other;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? new Intl.NumberFormat(lang).format(value) : value;
  });
}

/** The message in the current language; a component that calls it is drawn again when the language changes. */
export function t(key: MessageKey, values?: Values): string {
  return format(language.value, key, values);
}
