// A message that one sends to oneself, or to a list that sends it back, lies in two folders: a conversation shows it once.

import type { Head, Id } from "../api/types";

/** Keeps one of those with the same Message-ID: the one that is open, else the one in this folder, else the first. */
export function distinct<T extends Head>(list: readonly T[], open: Id | null = null, mailboxId: Id | null = null): T[] {
  const rank = (h: T) => (h.id === open ? 2 : mailboxId && h.mailboxIds[mailboxId] ? 1 : 0);
  const best = new Map<string, T>();
  for (const item of list) {
    const key = item.messageId?.[0] ?? item.id;
    const known = best.get(key);
    if (!known || rank(item) > rank(known)) best.set(key, item);
  }
  return list.filter((item) => best.get(item.messageId?.[0] ?? item.id) === item);
}
