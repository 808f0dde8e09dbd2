import assert from "node:assert/strict";
import { test } from "node:test";
import { kPageSize, mergePage, visibleRows, wantedPages } from "../src/mail/pages";
import { parseSearch, toFilter } from "../src/mail/search";
import { formatRoute, parseRoute } from "../src/state/router";
import { movedTo } from "../src/state/actions";
import { distinct } from "../src/mail/distinct";
import { email } from "./helpers";
import { arrange } from "../src/state/mailboxes";

test("only rows around the view are drawn", () => {
  assert.deepEqual(visibleRows(0, 800, 80, 100_000), { first: 0, last: 18 });
  assert.deepEqual(visibleRows(80_000, 800, 80, 100_000), { first: 992, last: 1018 });
  assert.deepEqual(visibleRows(5000, 800, 80, 3), { first: 3, last: 3 });
});

test("pages are asked for once", () => {
  assert.deepEqual(wantedPages({ first: kPageSize - 1, last: kPageSize + 1 }, new Set(), new Set()), [0, 1]);
  assert.deepEqual(wantedPages({ first: 0, last: kPageSize }, new Set([0]), new Set()), []);
  assert.deepEqual(wantedPages({ first: 0, last: kPageSize + 1 }, new Set([0]), new Set([1])), []);
  assert.deepEqual(wantedPages({ first: 0, last: 0 }, new Set(), new Set()), [0]);
});

test("a page replaces its rows, and a row that moved shows only once", () => {
  const rows = mergePage(["a", "b", "c"], 0, ["n", "a", "b", "c"], 4);
  assert.deepEqual(rows, ["n", "a", "b", "c"]);
  const long = mergePage(Array.from({ length: 90 }, (_, i) => `r${i}`), 1, ["r3", ...Array.from({ length: 39 }, (_, i) => `r${i + 40}`)], 90);
  assert.equal(long.filter((r) => r === "r3").length, 1);
  assert.equal(long[kPageSize], "r3");
  assert.deepEqual(mergePage(["a", "b"], 0, [], 0), []);
});

test("search words become a filter", () => {
  assert.deepEqual(toFilter("  "), null);
  assert.deepEqual(toFilter("会議"), { operator: "OR", conditions: [{ text: "会議" }, { body: "会議" }] });
  assert.deepEqual(toFilter('from:ann subject:"two words"'), { operator: "AND", conditions: [{ from: "ann" }, { subject: "two words" }] });
  assert.deepEqual(toFilter("-from:bob"), { operator: "NOT", conditions: [{ from: "bob" }] });
  assert.deepEqual(toFilter("before:2026-10-01"), { before: "2026-10-01T00:00:00Z" });
  assert.deepEqual(toFilter("is:unread has:attachment"), { operator: "AND", conditions: [{ notKeyword: "$seen" }, { hasAttachment: true }] });
  assert.deepEqual(parseSearch("a　b").map((t) => t.value), ["a", "b"]);
  assert.deepEqual(toFilter("https://x.example"), { operator: "OR", conditions: [{ text: "https://x.example" }, { body: "https://x.example" }] });
});

test("addresses of the page lead back to where they came from", () => {
  for (const route of [{ folder: "inbox", query: null, email: null }, { folder: "m/1 ü", query: null, email: "e#1" }, { folder: "inbox", query: "a/b 会議?", email: "x" }]) {
    assert.deepEqual(parseRoute(formatRoute(route)), route);
  }
  assert.deepEqual(parseRoute(""), { folder: "inbox", query: null, email: null });
  assert.equal(parseRoute("#/%E0%A4%A").folder, "%E0%A4%A");
});

test("a move out of one folder keeps the others", () => {
  assert.deepEqual(movedTo({ inbox: true, label: true }, "inbox", "trash"), { label: true, trash: true });
  assert.deepEqual(movedTo({ inbox: true, label: true }, null, "trash"), { trash: true });
  assert.deepEqual(movedTo({ inbox: true }, "inbox", "inbox"), { inbox: true });
});

test("a message in two folders shows once in its conversation", () => {
  const sent = email({ id: "a", mailboxIds: { sent: true }, messageId: ["m"] });
  const came = email({ id: "b", mailboxIds: { inbox: true }, messageId: ["m"] });
  const other = email({ id: "c", messageId: null });
  assert.deepEqual(distinct([sent, came, other], null, "inbox").map((e) => e.id), ["b", "c"]);
  assert.deepEqual(distinct([sent, came], "a", "inbox").map((e) => e.id), ["a"]);
  assert.deepEqual(distinct([sent, came]).map((e) => e.id), ["a"]);
});

test("folders stand in the order that people know", () => {
  const box = (id: string, name: string, role: string | null, parentId: string | null = null) =>
    ({ id, name, role: role as never, parentId, sortOrder: 0, totalEmails: 0, unreadEmails: 0 });
  const rows = arrange([box("3", "b", null), box("1", "Trash", "trash"), box("2", "Inbox", "inbox"), box("4", "a", null, "3"), box("5", "lost", null, "gone")], "en");
  assert.deepEqual(rows.map((r) => `${r.mailbox.id}/${r.depth}`), ["2/0", "1/0", "3/0", "4/1", "5/0"]);
});
