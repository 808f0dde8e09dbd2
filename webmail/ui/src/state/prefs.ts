// What this browser remembers: language, theme, folder of the last visit. Never anything from a message.

import { effect, signal } from "@preact/signals";
import { choose, language, type Language } from "../i18n/index";

export type Theme = "auto" | "light" | "dark";

function read(key: string): string | null {
  try {
    return localStorage.getItem(`genkan.${key}`);
  } catch {
    return null;  // Storage may be forbidden; the UI works without.
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(`genkan.${key}`, value);
  } catch {
    // As above.
  }
}

const storedTheme = read("theme");
export const theme = signal<Theme>(storedTheme === "light" || storedTheme === "dark" ? storedTheme : "auto");

export function setTheme(next: Theme): void {
  theme.value = next;
  write("theme", next);
}

export function setLanguage(next: Language): void {
  language.value = next;
  write("language", next);
}

/** Applies what is remembered to the document, now and whenever it changes. */
export function startPrefs(): void {
  const stored = read("language");
  language.value = stored === "en" || stored === "ja" ? stored : choose(navigator.languages);
  effect(() => {
    document.documentElement.lang = language.value;
  });
  effect(() => {
    if (theme.value === "auto") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme.value;
  });
}
