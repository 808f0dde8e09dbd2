// The folders: roles first in the order that people know, then the others by name and depth.

import { computed, signal } from "@preact/signals";
import { t, language, type MessageKey } from "../i18n/index";
import type { Id, Mailbox, Role } from "../api/types";
import { guarded, jmap } from "./session";

const kRoleOrder: Role[] = ["inbox", "flagged", "important", "drafts", "sent", "archive", "junk", "trash", "all"];
const kRoleNames: Partial<Record<Role, MessageKey>> = {
  inbox: "folder.inbox", drafts: "folder.drafts", sent: "folder.sent", archive: "folder.archive", junk: "folder.junk", trash: "folder.trash",
};

export const mailboxes = signal<Mailbox[]>([]);
export const mailboxState = signal("");

export interface FolderRow {
  mailbox: Mailbox;
  depth: number;
}

/** Parents before children; roles first. A parent that we can't see does not hide its children. */
export function arrange(list: readonly Mailbox[], lang: string): FolderRow[] {
  const collator = new Intl.Collator(lang, { numeric: true });
  const known = new Set(list.map((m) => m.id));
  const children = new Map<Id | null, Mailbox[]>();
  for (const mailbox of list) {
    const parent = mailbox.parentId !== null && known.has(mailbox.parentId) ? mailbox.parentId : null;
    children.set(parent, [...(children.get(parent) ?? []), mailbox]);
  }
  const rank = (m: Mailbox) => (m.role ? kRoleOrder.indexOf(m.role) : kRoleOrder.length);
  const rows: FolderRow[] = [];
  const visit = (parent: Id | null, depth: number) => {
    const sorted = (children.get(parent) ?? []).sort(
      (a, b) => rank(a) - rank(b) || a.sortOrder - b.sortOrder || collator.compare(a.name, b.name));
    for (const mailbox of sorted) {
      rows.push({ mailbox, depth });
      if (depth < 10) visit(mailbox.id, depth + 1);
    }
  };
  visit(null, 0);
  return rows;
}

export const folderRows = computed(() => arrange(mailboxes.value, language.value));

export function folderName(mailbox: Mailbox): string {
  const key = mailbox.role ? kRoleNames[mailbox.role] : undefined;
  return key ? t(key) : mailbox.name;
}

export function byRole(role: Role): Mailbox | undefined {
  return mailboxes.value.find((m) => m.role === role);
}

/** By role or by id, as it stands in the address bar. */
export function findFolder(key: string): Mailbox | undefined {
  return mailboxes.value.find((m) => m.role === key) ?? mailboxes.value.find((m) => m.id === key);
}

export function folderKey(mailbox: Mailbox): string {
  return mailbox.role ?? mailbox.id;
}

export async function loadMailboxes(): Promise<void> {
  const answer = await guarded(() => jmap().call<{ list: Mailbox[]; state: string }>("Mailbox/get", { ids: null }));
  mailboxes.value = answer.list;
  mailboxState.value = answer.state;
}
