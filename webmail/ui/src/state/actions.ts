// What a person does to messages. Each acts on the screen first and on the server next, and takes it back when the server refuses.

import { checkSet } from "../api/jmap";
import type { Head, Id, Keywords, SetResult } from "../api/types";
import { t } from "../i18n/index";
import { byRole, folderName, loadMailboxes, mailboxes } from "./mailboxes";
import { dropRows, patchHeads, refreshList, rows, rowTargets, view } from "./list";
import { patchThread } from "./thread";
import { guarded, jmap } from "./session";
import { announce, toast } from "./toasts";
import { why } from "./errors";

const kBatch = 400;  // objects in one /set; the server allows 1000

async function setEmails(update: Record<Id, Record<string, unknown>>): Promise<void> {
  const entries = Object.entries(update);
  for (let i = 0; i < entries.length; i += kBatch) {
    const part = Object.fromEntries(entries.slice(i, i + kBatch));
    checkSet(await guarded(() => jmap().call<SetResult>("Email/set", { update: part })));
  }
}

function settle(): void {
  void loadMailboxes().catch(() => undefined);
  void refreshList();
}

/** Sets or clears a keyword of emails. */
export async function mark(targets: readonly Head[], keyword: string, on: boolean): Promise<void> {
  const changed = targets.filter((h) => Boolean(h.keywords[keyword]) !== on);
  if (changed.length === 0) return;
  const apply = (value: boolean) => (keywords: Keywords): Keywords => {
    const next = { ...keywords };
    if (value) next[keyword] = true;
    else delete next[keyword];
    return next;
  };
  const ids = changed.map((h) => h.id);
  const change = (value: boolean) => {
    patchHeads(ids, (h) => ({ ...h, keywords: apply(value)(h.keywords) }));
    patchThread(ids, (h) => ({ ...h, keywords: apply(value)(h.keywords) }));
  };
  change(on);
  try {
    await setEmails(Object.fromEntries(ids.map((id) => [id, { [`keywords/${keyword}`]: on ? true : null }])));
    void loadMailboxes().catch(() => undefined);
  } catch (error) {
    change(!on);
    toast(t("error.change", { why: why(error) }), { kind: "error" });
  }
}

interface Undo {
  id: Id;
  mailboxIds: Record<Id, boolean>;
}

/** Where an email lies after a move out of the folder that is shown (labels of other folders stay). */
export function movedTo(mailboxIds: Record<Id, boolean>, from: Id | null, to: Id): Record<Id, boolean> {
  if (from === null) return { [to]: true };
  const next = { ...mailboxIds, [to]: true };
  if (from !== to) delete next[from];
  return next;
}

/** Moves the rows' emails to a folder, with a notice that takes it back. */
export async function move(rowIds: readonly Id[], targets: readonly Head[], to: Id, messageKey: "done.moved" | "done.archived" | "done.deleted"): Promise<void> {
  const from = view.value?.mailboxId ?? null;
  const undo: Undo[] = targets.map((h) => ({ id: h.id, mailboxIds: h.mailboxIds }));
  const update = Object.fromEntries(targets.map((h) => [h.id, { mailboxIds: movedTo(h.mailboxIds, from, to) }]));
  const before = rows.value;
  patchHeads(targets.map((h) => h.id), (h) => ({ ...h, mailboxIds: movedTo(h.mailboxIds, from, to) }));
  if (from !== to && from !== null) dropRows(new Set(rowIds));
  try {
    await setEmails(update);
  } catch (error) {
    patchHeads(undo.map((u) => u.id), (h) => ({ ...h, mailboxIds: undo.find((u) => u.id === h.id)?.mailboxIds ?? h.mailboxIds }));
    rows.value = before;
    settle();
    toast(t("error.move", { why: why(error) }), { kind: "error" });
    return;
  }
  const target = mailboxes.value.find((m) => m.id === to);
  const text = t(messageKey, { count: rowIds.length, folder: target ? folderName(target) : "" });
  announce(text);
  toast(text, { action: { label: t("action.undo"), run: () => void takeBack(undo) } });
  settle();
}

async function takeBack(undo: readonly Undo[]): Promise<void> {
  try {
    await setEmails(Object.fromEntries(undo.map((u) => [u.id, { mailboxIds: u.mailboxIds }])));
    toast(t("done.undone"));
  } catch (error) {
    toast(t("error.move", { why: why(error) }), { kind: "error" });
  }
  settle();
}

export function targetsOf(rowIds: Iterable<Id>): Head[] {
  const found = new Map<Id, Head>();
  for (const id of rowIds) for (const h of rowTargets(id)) found.set(h.id, h);
  return [...found.values()];
}

export async function archive(rowIds: readonly Id[], targets = targetsOf(rowIds)): Promise<void> {
  const folder = byRole("archive");
  if (folder) await move(rowIds, targets, folder.id, "done.archived");
}

/** Whether deleting here is for good. */
export function deletesForever(): boolean {
  const trash = byRole("trash");
  return !trash || view.value?.mailboxId === trash.id;
}

export async function remove(rowIds: readonly Id[], targets = targetsOf(rowIds)): Promise<void> {
  const trash = byRole("trash");
  if (trash && !deletesForever()) return move(rowIds, targets, trash.id, "done.deleted");
  const before = rows.value;
  dropRows(new Set(rowIds));
  try {
    for (let i = 0; i < targets.length; i += kBatch) {
      const destroy = targets.slice(i, i + kBatch).map((h) => h.id);
      checkSet(await guarded(() => jmap().call<SetResult>("Email/set", { destroy })));
    }
    toast(t("done.destroyed", { count: rowIds.length }));
  } catch (error) {
    rows.value = before;
    toast(t("error.change", { why: why(error) }), { kind: "error" });
  }
  settle();
}
