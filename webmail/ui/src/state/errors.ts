// A failure in words that tell a person what to do.

import { ApiError } from "../api/http";
import { MethodError, RefusedError } from "../api/jmap";
import { t } from "../i18n/index";

export function why(error: unknown): string {
  if (error instanceof ApiError) {
    if (error.kind === "offline") return t("why.offline");
    if (error.kind === "session") return t("why.session");
    if (error.kind === "busy") return t("why.busy");
    if (error.status === 413) return t("why.large");
    return error.message;
  }
  if (error instanceof RefusedError || error instanceof MethodError) return error.message;
  return error instanceof Error ? error.message : String(error);
}
