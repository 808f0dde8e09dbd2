// The message list: a sparse array of row ids for one query, filled page by page as rows come into view.
//
// A row is an email; in a folder that collapses threads it stands for its conversation. After any change on the server the
// pages are no longer fresh: the visible ones are asked for again, the others when they come into view.

import { signal } from "@preact/signals";
import { ApiError } from "../api/http";
import type { Head, Id, Mailbox } from "../api/types";
import { kHeadProperties } from "../api/types";
import { kPageSize, mergePage, wantedPages, type Window } from "../mail/pages";
import { toFilter, type Filter } from "../mail/search";
import { guarded, jmap } from "./session";

export interface View {
  key: string;
  filter: Filter;
  collapse: boolean;
  mailboxId: Id | null;
}

export const view = signal<View | null>(null);
export const rows = signal<(Id | undefined)[]>([]);
export const total = signal<number | null>(null);  // null: not known yet
export const listError = signal<unknown>(null);
export const selected = signal<ReadonlySet<Id>>(new Set());
export const cursor = signal(0);

/** Everything known about emails that stand in lists. Readers subscribe through `headsTick`. */
const kKept = 5000;  // more than that are forgotten at the next change of folder
const heads = new Map<Id, Head>();
const members = new Map<Id, Id[]>();
export const headsTick = signal(0);

let fresh = new Set<number>();
let inFlight = new Set<number>();
let shown: Window = { first: 0, last: kPageSize };
let generation = 0;

export function head(id: Id | undefined): Head | undefined {
  headsTick.value;
  return id === undefined ? undefined : heads.get(id);
}

/** Emails of the row's conversation, oldest first; the row itself when conversations are not collapsed. */
export function rowMembers(id: Id): Head[] {
  const own = heads.get(id);
  if (!own) return [];
  if (!view.value?.collapse) return [own];
  const found = (members.get(own.threadId) ?? [id]).map((m) => heads.get(m)).filter((h): h is Head => h !== undefined);
  return found.length > 0 ? found : [own];
}

/** Members that an action on this row means: those in the folder that is shown. */
export function rowTargets(id: Id): Head[] {
  const mailboxId = view.value?.mailboxId;
  const all = rowMembers(id);
  const here = mailboxId ? all.filter((h) => h.mailboxIds[mailboxId]) : all;
  return here.length > 0 ? here : all;
}

export function keep(list: readonly Head[]): void {
  for (const item of list) heads.set(item.id, item);
  headsTick.value++;
}

export function patchHeads(ids: readonly Id[], change: (h: Head) => Head): void {
  for (const id of ids) {
    const old = heads.get(id);
    if (old) heads.set(id, change(old));
  }
  headsTick.value++;
}

export function folderView(mailbox: Mailbox): View {
  const single = mailbox.role === "drafts" || mailbox.role === "sent";
  return { key: `folder:${mailbox.id}`, filter: { inMailbox: mailbox.id }, collapse: !single, mailboxId: mailbox.id };
}

export function searchView(query: string, hidden: readonly Id[]): View {
  const words = toFilter(query) ?? { text: query };
  const filter = hidden.length > 0 ? { operator: "AND", conditions: [words, { inMailboxOtherThan: hidden }] } : words;
  return { key: `search:${query}`, filter, collapse: false, mailboxId: null };
}

export function show(next: View): void {
  if (view.peek()?.key === next.key) return;
  generation++;
  if (heads.size > kKept) {
    heads.clear();
    members.clear();
  }
  view.value = next;
  rows.value = [];
  total.value = null;
  listError.value = null;
  selected.value = new Set();
  cursor.value = 0;
  fresh = new Set();
  inFlight = new Set();
  shown = { first: 0, last: kPageSize };
  void loadVisible();
}

export function leave(): void {
  generation++;
  view.value = null;
  rows.value = [];
  total.value = null;
  heads.clear();
  members.clear();
}

/** The list view tells which rows are on the screen. */
export function setShown(window: Window): void {
  shown = window;
  void loadVisible();
}

/** Something changed on the server. */
export function refreshList(): Promise<void> {
  fresh = new Set();
  return loadVisible();
}

async function loadVisible(): Promise<void> {
  if (!view.peek()) return;
  const pages = wantedPages(shown, fresh, inFlight);
  await Promise.all(pages.map(loadPage));
}

async function loadPage(page: number): Promise<void> {
  const current = view.peek();
  if (!current) return;
  const mine = generation;
  const wasFresh = fresh;
  inFlight.add(page);
  try {
    const answer = await guarded(() => queryPage(current, page));
    if (mine !== generation) return;
    keep(answer.heads);
    for (const thread of answer.threads) members.set(thread.id, thread.emailIds);
    rows.value = mergePage(rows.peek(), page, answer.ids, answer.total);
    total.value = answer.total;
    listError.value = null;
    if (wasFresh === fresh) fresh.add(page);
  } catch (error) {
    if (mine === generation) listError.value = error;
    if (!(error instanceof ApiError)) console.error(error);
  } finally {
    if (mine === generation) {
      inFlight.delete(page);
      if (wasFresh !== fresh) void loadVisible();
    }
  }
}

interface PageAnswer {
  ids: Id[];
  total: number;
  heads: Head[];
  threads: { id: Id; emailIds: Id[] }[];
}

/** One request: the ids, their heads, and for conversations all their members. */
async function queryPage(current: View, page: number): Promise<PageAnswer> {
  const ref = (resultOf: string, name: string, path: string) => ({ resultOf, name, path });
  const query = {
    filter: current.filter, sort: [{ property: "receivedAt", isAscending: false }], collapseThreads: current.collapse,
    position: page * kPageSize, limit: kPageSize, calculateTotal: true,
  };
  const calls: [string, Record<string, unknown>, string][] = [
    ["Email/query", query, "q"],
    ["Email/get", { "#ids": ref("q", "Email/query", "/ids"), properties: kHeadProperties }, "h"],
  ];
  if (current.collapse) {
    calls.push(["Thread/get", { "#ids": ref("h", "Email/get", "/list/*/threadId") }, "t"]);
    calls.push(["Email/get", { "#ids": ref("t", "Thread/get", "/list/*/emailIds"), properties: kHeadProperties }, "m"]);
  }
  const results = await jmap().run(calls, { soft: ["t", "m"] });
  const q = results.get("q") as unknown as { ids: Id[]; total?: number };
  const h = results.get("h") as unknown as { list: Head[] };
  const t = results.get("t") as unknown as { list: PageAnswer["threads"] } | undefined;
  const m = results.get("m") as unknown as { list: Head[] } | undefined;
  return { ids: q.ids, total: q.total ?? page * kPageSize + q.ids.length, heads: [...h.list, ...(m?.list ?? [])], threads: t?.list ?? [] };
}

/** Takes rows out before the server has answered; the answer's refresh corrects the rest. */
export function dropRows(ids: ReadonlySet<Id>): void {
  const before = rows.peek();
  const after = before.filter((id) => id === undefined || !ids.has(id));
  if (after.length === before.length) return;
  const last = Math.max(0, after.length - 1);
  rows.value = after;
  total.value = after.length;
  cursor.value = Math.min(cursor.peek(), last);
  selected.value = new Set([...selected.peek()].filter((id) => !ids.has(id)));
  fresh = new Set();
}

export function toggleSelected(id: Id, on?: boolean): void {
  const next = new Set(selected.value);
  if (on ?? !next.has(id)) next.add(id);
  else next.delete(id);
  selected.value = next;
}

/** Selects everything between the last selected row and this one. */
export function selectRange(to: Id): void {
  const list = rows.value;
  const end = list.indexOf(to);
  let start = end;
  for (let i = 0; i < list.length; i++) {
    const id = list[i];
    if (id !== undefined && selected.value.has(id) && Math.abs(i - end) <= Math.abs(start === end ? Infinity : start - end)) start = i;
  }
  const next = new Set(selected.value);
  for (let i = Math.min(start, end); i <= Math.max(start, end); i++) {
    const id = list[i];
    if (id !== undefined) next.add(id);
  }
  selected.value = next;
}

export function clearSelection(): void {
  if (selected.value.size > 0) selected.value = new Set();
}
