// Making, renaming and deleting folders (RFC 8621 section 2.5).

import { checkSet, RefusedError } from "../api/jmap";
import type { Id, Mailbox, SetResult } from "../api/types";
import { t } from "../i18n/index";
import { why } from "./errors";
import { folderKey, loadMailboxes } from "./mailboxes";
import { go, route } from "./router";
import { guarded, jmap } from "./session";
import { toast } from "./toasts";

export const kMaxName = 200;

function reason(error: unknown): string {
  if (error instanceof RefusedError && error.error.type === "mailboxHasEmail") return t("folder.notEmpty");
  if (error instanceof RefusedError && error.error.type === "mailboxHasChild") return t("folder.hasChild");
  return why(error);
}

async function set(args: Record<string, unknown>): Promise<SetResult<{ id: Id }>> {
  const result = await guarded(() => jmap().call<SetResult<{ id: Id }>>("Mailbox/set", args));
  checkSet(result as SetResult);
  await loadMailboxes();
  return result;
}

/** Throws with a message for people. */
export async function createFolder(name: string, parentId: Id | null): Promise<void> {
  try {
    const id = (await set({ create: { f: { name, parentId } } })).created?.["f"]?.id;
    if (id) go({ folder: id, query: null, email: null });
  } catch (error) {
    throw new Error(reason(error));
  }
}

export async function renameFolder(id: Id, name: string): Promise<void> {
  try {
    await set({ update: { [id]: { name } } });
  } catch (error) {
    throw new Error(reason(error));
  }
}

export async function destroyFolder(mailbox: Mailbox): Promise<void> {
  try {
    await set({ destroy: [mailbox.id] });
    if (route.value.folder === folderKey(mailbox)) go({ folder: "inbox", query: null, email: null }, "replace");
    toast(t("folder.gone", { name: mailbox.name }));
  } catch (error) {
    toast(t("error.folder", { why: reason(error) }), { kind: "error" });
  }
}
