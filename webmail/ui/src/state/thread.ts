// The conversation in the reading pane.

import { computed, signal } from "@preact/signals";
import { ApiError } from "../api/http";
import type { Email, Head, Id } from "../api/types";
import { kEmailProperties } from "../api/types";
import { byRole } from "./mailboxes";
import { distinct } from "../mail/distinct";
import { keep, view } from "./list";
import { guarded, jmap } from "./session";

/** A body larger than this is cut by the server and can be downloaded whole. */
const kMaxBody = 512 * 1024;

export const openId = signal<Id | null>(null);
export const thread = signal<Email[]>([]);
export const threadStatus = signal<"idle" | "loading" | "ready" | "missing" | "failed">("idle");
export const threadError = signal<unknown>(null);
/** Cards that stand open, by email id. */
export const expanded = signal<ReadonlySet<Id>>(new Set());

let ticket = 0;

/** Messages of the conversation that belong on the screen: what lies in the trash only shows there. */
export const visibleThread = computed(() => {
  const hidden = [byRole("trash")?.id, byRole("junk")?.id].filter((id) => id !== undefined && id !== view.value?.mailboxId);
  const kept = thread.value.filter((e) => e.id === openId.value || !Object.keys(e.mailboxIds).every((m) => hidden.includes(m)));
  return distinct(kept.length > 0 ? kept : thread.value, openId.value, view.value?.mailboxId);
});

export function closeThread(): void {
  ticket++;
  openId.value = null;
  thread.value = [];
  threadStatus.value = "idle";
  expanded.value = new Set();
}

export async function openThread(id: Id): Promise<void> {
  if (openId.peek() === id && threadStatus.peek() === "ready") return;
  openId.value = id;
  thread.value = [];
  threadStatus.value = "loading";
  expanded.value = new Set();
  await load(id, true);
}

/** After a change on the server: new replies appear, nothing that is open closes. */
export async function refreshThread(): Promise<void> {
  const id = openId.peek();
  if (id && threadStatus.peek() !== "loading") await load(id, false);
}

async function load(id: Id, first: boolean): Promise<void> {
  const mine = ++ticket;
  try {
    const emails = await guarded(() => fetchThread(id));
    if (mine !== ticket) return;
    if (emails.length === 0) {
      if (first || thread.peek().every((e) => e.id === id)) threadStatus.value = "missing";
      return;
    }
    const known = new Set(thread.peek().map((e) => e.id));
    const opened = first ? toExpand(emails, id) : emails.filter((e) => !known.has(e.id)).map((e) => e.id);
    thread.value = emails;
    expanded.value = new Set([...expanded.peek(), ...opened]);
    keep(emails.map(headOf));
    threadStatus.value = "ready";
  } catch (error) {
    if (mine !== ticket) return;
    if (first) {
      threadError.value = error;
      threadStatus.value = "failed";
    }
    if (!(error instanceof ApiError)) console.error(error);
  }
}

/** Unread messages, the newest, and the one that was asked for stand open. */
export function toExpand(emails: readonly Email[], id: Id): Id[] {
  const last = emails[emails.length - 1];
  return emails.filter((e) => !e.keywords["$seen"] || e.id === id || e.id === last?.id).map((e) => e.id);
}

async function fetchThread(id: Id): Promise<Email[]> {
  const single = view.peek()?.collapse === false;
  const body = { properties: kEmailProperties, fetchTextBodyValues: true, maxBodyValueBytes: kMaxBody };
  const ref = (resultOf: string, name: string, path: string) => ({ resultOf, name, path });
  const results = await jmap().run([
    ["Email/get", { ids: [id], ...(single ? body : { properties: ["id", "threadId"] }) }, "e"],
    ...(single ? [] : ([
      ["Thread/get", { "#ids": ref("e", "Email/get", "/list/*/threadId") }, "t"],
      ["Email/get", { "#ids": ref("t", "Thread/get", "/list/*/emailIds"), ...body }, "m"],
    ] as [string, Record<string, unknown>, string][])),
  ]);
  const found = (results.get(single ? "e" : "m") as unknown as { list: Email[] } | undefined)?.list ?? [];
  return [...found].sort((a, b) => a.receivedAt.localeCompare(b.receivedAt));
}

export function headOf(email: Email): Head {
  const { id, threadId, mailboxIds, keywords, from, to, subject, receivedAt, size, hasAttachment, preview, messageId } = email;
  return { id, threadId, mailboxIds, keywords, from, to, subject, receivedAt, size, hasAttachment, preview, messageId };
}

export function patchThread(ids: readonly Id[], change: (h: Email) => Email): void {
  if (!thread.peek().some((e) => ids.includes(e.id))) return;
  thread.value = thread.peek().map((e) => (ids.includes(e.id) ? change(e) : e));
}

export function toggleExpanded(id: Id): void {
  const next = new Set(expanded.value);
  if (!next.delete(id)) next.add(id);
  expanded.value = next;
}
