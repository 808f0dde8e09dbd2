import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";
import en from "../src/i18n/en.json";
import ja from "../src/i18n/ja.json";
import { choose, format } from "../src/i18n/index";
import { fileSize, shortDate } from "../src/mail/dates";

const placeholders = (message: unknown) => [...JSON.stringify(message).matchAll(/\{(\w+)\}/g)].map((m) => m[1]!);

test("both languages say the same things", () => {
  assert.deepEqual(Object.keys(ja).sort(), Object.keys(en).sort());
  for (const [key, message] of Object.entries(en)) {
    const ours = new Set(placeholders(message));
    for (const name of placeholders((ja as Record<string, unknown>)[key])) assert.ok(ours.has(name) || name === "count", `${key}: {${name}}`);
  }
});

test("every message is used and every used message exists", async () => {
  const sources = (await readdir("src", { recursive: true })).filter((n) => /\.tsx?$/.test(n));
  const text = (await Promise.all(sources.map((n) => readFile(`src/${n}`, "utf8")))).join("\n");
  for (const key of Object.keys(en)) {
    if (key.startsWith("theme.")) continue;  // built from the theme's name
    assert.ok(text.includes(`"${key}"`), `unused: ${key}`);
  }
});

test("plural forms and numbers follow the language", () => {
  assert.equal(format("en", "list.messages", { count: 1 }), "1 message");
  assert.equal(format("en", "list.messages", { count: 2000 }), "2,000 messages");
  assert.equal(format("ja", "list.messages", { count: 1 }), "1 通");
  assert.equal(format("en", "reader.to", { names: "{count} & <b>" }), "to {count} & <b>");
});

test("the browser's wishes choose the language", () => {
  assert.equal(choose(["fr-FR", "ja-JP", "en"]), "ja");
  assert.equal(choose(["de"]), "en");
});

test("dates are as short as they can be", () => {
  const now = new Date(2026, 10, 20, 15, 0);
  assert.match(shortDate(new Date(2026, 10, 20, 9, 5).toISOString(), "en", now), /9:05/);
  assert.equal(shortDate(new Date(2026, 2, 3).toISOString(), "en", now), "Mar 3");
  assert.equal(shortDate(new Date(2026, 2, 3).toISOString(), "ja", now), "3月3日");
  assert.match(shortDate(new Date(2024, 2, 3).toISOString(), "en", now), /2024/);
  assert.equal(shortDate("never", "en", now), "");
  assert.equal(fileSize(1_300_000, "en"), "1.3 MB");
});
