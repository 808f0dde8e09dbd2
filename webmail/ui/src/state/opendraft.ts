// Goes on with a draft that stands in a list.

import type { Email, Id } from "../api/types";
import { kEmailProperties } from "../api/types";
import { t } from "../i18n/index";
import { bringUp, draftOf, editDraft } from "./compose";
import { why } from "./errors";
import { refreshAll } from "./live";
import { guarded, jmap } from "./session";
import { toast } from "./toasts";

export async function openDraftById(id: Id): Promise<void> {
  const open = draftOf(id);
  if (open) return bringUp(open);
  try {
    const answer = await guarded(() => jmap().call<{ list: Email[] }>("Email/get", {
      ids: [id], properties: kEmailProperties, fetchTextBodyValues: true,
    }));
    if (answer.list[0]) return editDraft(answer.list[0]);
    // Saved anew elsewhere in this moment: the list brings the newer one.
    toast(t("reader.gone"));
    await refreshAll();
  } catch (error) {
    toast(t("error.open", { why: why(error) }), { kind: "error" });
  }
}
