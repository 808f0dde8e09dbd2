// Dates as a mail reader wants them: today by the clock, this year by day, else by year.

import type { Language } from "../i18n/index";

const formats = new Map<string, Intl.DateTimeFormat>();

function formatter(lang: Language, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = lang + JSON.stringify(options);
  let found = formats.get(key);
  if (!found) formats.set(key, (found = new Intl.DateTimeFormat(lang, options)));
  return found;
}

export function shortDate(iso: string, lang: Language, now = new Date()): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "";
  if (date.toDateString() === now.toDateString()) return formatter(lang, { hour: "numeric", minute: "2-digit" }).format(date);
  if (date.getFullYear() === now.getFullYear()) return formatter(lang, { month: "short", day: "numeric" }).format(date);
  return formatter(lang, { year: "numeric", month: "numeric", day: "numeric" }).format(date);
}

export function longDate(iso: string, lang: Language): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "";
  return formatter(lang, { weekday: "short", year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit" }).format(date);
}

export function clock(date: Date, lang: Language): string {
  return formatter(lang, { hour: "numeric", minute: "2-digit" }).format(date);
}

/** 1.4 MB, in the language's own digits. */
export function fileSize(bytes: number, lang: Language): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 10 ? 0 : 1;
  return new Intl.NumberFormat(lang, { style: "unit", unit: units[unit]!, unitDisplay: unit === 0 ? "long" : "short", maximumFractionDigits: digits }).format(value);
}
