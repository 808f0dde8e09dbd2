// Drafts that the server does not have yet, kept in this browser so that a lost line or session loses no word.

import type { Id } from "../api/types";
import type { Start } from "../mail/reply";
import type { ReplyKind } from "./draft";

export interface LocalDraft {
  key: string;
  at: number;
  emailId: Id | null;
  original: { id: Id; kind: ReplyKind } | null;
  start: Start;
}

interface Stored extends LocalDraft {
  tab: string;
}

/** Another tab may still be writing this one: it is left alone until it has been quiet for so long. */
const kOrphanMilliseconds = 120_000;

const tab = (() => {
  try {
    const known = sessionStorage.getItem("genkan.tab");
    if (known) return known;
    const fresh = crypto.getRandomValues(new Uint32Array(2)).join("-");
    sessionStorage.setItem("genkan.tab", fresh);
    return fresh;
  } catch {
    return "";
  }
})();

const prefix = (accountId: Id) => `genkan.draft.${accountId}.`;

export function storeLocal(accountId: Id, draft: LocalDraft): void {
  try {
    localStorage.setItem(prefix(accountId) + draft.key, JSON.stringify({ ...draft, tab } satisfies Stored));
  } catch {
    // Full or forbidden: the server's copy is then the only one.
  }
}

export function forgetLocal(accountId: Id, key: string): void {
  try {
    localStorage.removeItem(prefix(accountId) + key);
  } catch {
    // Nothing was stored then.
  }
}

function entries(accountId: Id): Stored[] {
  const found: Stored[] = [];
  try {
    for (let i = 0; i < localStorage.length; i++) {
      const key = localStorage.key(i);
      if (!key?.startsWith(prefix(accountId))) continue;
      try {
        found.push(JSON.parse(localStorage.getItem(key) ?? "") as Stored);
      } catch {
        localStorage.removeItem(key);
      }
    }
  } catch {
    return [];
  }
  return found;
}

/** What this tab left behind at a reload or crash, and what closed tabs did. */
export function orphans(accountId: Id, now = Date.now()): LocalDraft[] {
  return entries(accountId).filter((d) => d.tab === tab || now - d.at > kOrphanMilliseconds);
}

export function forgetAllLocal(accountId: Id): void {
  for (const draft of entries(accountId)) forgetLocal(accountId, draft.key);
}
