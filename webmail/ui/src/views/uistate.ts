// What is open on the screen, and commands that more than one view offers.

import { signal } from "@preact/signals";
import type { Head, Id, Mailbox } from "../api/types";
import { archive, deletesForever, mark, move, remove, targetsOf } from "../state/actions";
import { clearSelection, cursor, head, rows, selected, total } from "../state/list";
import { closeMessage, go, route } from "../state/router";
import { headOf, openId, visibleThread } from "../state/thread";

export const drawerOpen = signal(false);
export const helpOpen = signal(false);
/** Rows that wait for a folder to be chosen. */
export const moving = signal<Id[] | null>(null);
/** Rows that wait for a yes before they are gone for good. */
export const destroying = signal<Id[] | null>(null);
/** The folder dialogue: a new folder, or the one that gets another name. */
export const folderDialog = signal<{ rename: Mailbox | null } | null>(null);
/** Rows that are being dragged. */
export const dragged = signal<Id[]>([]);
/** True while the keyboard moves the cursor: then it is drawn. */
export const cursorShown = signal(false);

const narrow = typeof matchMedia === "undefined" ? null : matchMedia("(max-width: 799px)");
export const phone = signal(narrow?.matches ?? false);
narrow?.addEventListener("change", (event) => (phone.value = event.matches));

/** What a command means: the selected rows, else the open message, else the row under the cursor. */
export function subject(): Id[] {
  if (selected.value.size > 0) return [...selected.value];
  if (route.value.email) return [route.value.email];
  const id = rows.value[cursor.value];
  return id === undefined ? [] : [id];
}

/** The emails behind rows; the open message stands for its conversation even when no list shows it. */
export function headsFor(ids: readonly Id[]): Head[] {
  const found = targetsOf(ids);
  if (found.length > 0 || ids[0] !== openId.value) return found;
  return visibleThread.value.map(headOf);
}

/** After the open message has gone from the list: the next one opens, as on a desk. */
function leaveOpen(ids: readonly Id[]): void {
  const open = route.value.email;
  clearSelection();
  if (!open || !ids.includes(open)) return;
  const list = rows.value;
  const at = list.indexOf(open);
  const next = list.slice(at + 1).find((id) => id !== undefined && !ids.includes(id));
  if (phone.value || at < 0 || next === undefined) closeMessage();
  else go({ email: next }, "replace");
}

export function archiveSubject(ids = subject()): void {
  if (ids.length === 0) return;
  const heads = headsFor(ids);
  leaveOpen(ids);
  void archive(ids, heads);
}

export function removeSubject(ids = subject()): void {
  if (ids.length === 0) return;
  if (deletesForever()) {
    destroying.value = ids;
    return;
  }
  const heads = headsFor(ids);
  leaveOpen(ids);
  void remove(ids, heads);
}

export function destroyConfirmed(): void {
  const ids = destroying.value ?? [];
  destroying.value = null;
  const heads = headsFor(ids);
  leaveOpen(ids);
  void remove(ids, heads);
}

export function moveSubject(to: Mailbox, ids = moving.value ?? subject()): void {
  moving.value = null;
  if (ids.length === 0) return;
  const heads = headsFor(ids);
  leaveOpen(ids);
  void move(ids, heads, to.id, "done.moved");
}

export function dropRowsOn(mailbox: Mailbox): void {
  const ids = dragged.value;
  dragged.value = [];
  if (ids.length > 0) moveSubject(mailbox, ids);
}

export function markSubject(seen: boolean, ids = subject()): void {
  const heads = headsFor(ids);
  // "Unread" means the newest message of a conversation; "read" means all of them.
  void mark(seen ? heads : heads.slice(-1), "$seen", seen);
  if (!seen && route.value.email && ids.includes(route.value.email)) closeMessage();
  clearSelection();
}

export function starSubject(ids = subject()): void {
  const heads = headsFor(ids);
  const on = !heads.some((h) => h.keywords["$flagged"]);
  void mark(on ? heads.slice(-1) : heads, "$flagged", on);
}

export function moveCursor(step: number): void {
  const count = total.value ?? 0;
  if (count === 0) return;
  const open = route.value.email;
  const from = open && rows.value.includes(open) ? rows.value.indexOf(open) : cursorShown.value ? cursor.value : cursor.value - step;
  const next = Math.max(0, Math.min(count - 1, from + step));
  cursorShown.value = true;
  cursor.value = next;
  const id = rows.value[next];
  if (open && id !== undefined && !phone.value) go({ email: id }, "replace");
}

export function openCursor(): void {
  const id = rows.value[cursor.value];
  if (id !== undefined && head(id)) go({ email: id });
}
