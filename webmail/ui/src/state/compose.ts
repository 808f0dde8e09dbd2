// All messages that are being written, and how one begins.

import { signal } from "@preact/signals";
import { t, language } from "../i18n/index";
import type { Email, Id } from "../api/types";
import { shown } from "../mail/addresses";
import { fileSize, longDate } from "../mail/dates";
import { htmlToText } from "../mail/html";
import { startForward, startMailto, startReply, type Start } from "../mail/reply";
import { plainBody } from "../mail/text";
import { Draft, newAttachment, type Attachment } from "./draft";
import { forgetAllLocal, forgetLocal, orphans } from "./localdrafts";
import { mark } from "./actions";
import { why } from "./errors";
import { head } from "./list";
import { authState, identities, jmap, note, whenLoggedIn } from "./session";
import { announce, toast } from "./toasts";
import { remember } from "./contacts";
import { refreshAll } from "./live";

export const drafts = signal<Draft[]>([]);
const kMaxOpen = 6;

function add(draft: Draft): Draft {
  for (const other of drafts.value) other.minimised.value = true;
  if (drafts.value.length >= kMaxOpen) toast(t("compose.many"), { kind: "error" });
  drafts.value = [...drafts.value, draft];
  return draft;
}

function drop(draft: Draft): void {
  drafts.value = drafts.value.filter((d) => d !== draft);
}

export function compose(start: Partial<Start> = {}): Draft {
  return add(new Draft(start));
}

export function composeMailto(url: string): Draft {
  return compose(startMailto(url));
}

export function reply(email: Email, everyone: boolean): Draft {
  const intro = t("reply.intro", { date: longDate(email.sentAt ?? email.receivedAt, language.value), name: shown(email.from?.[0]) });
  const draft = compose(startReply(email, everyone, identities.value, intro, plainBody(email, htmlToText)));
  draft.original = { id: email.id, kind: "reply" };
  return draft;
}

export function forward(email: Email): Draft {
  const words = {
    title: t("forward.title"), from: t("header.from"), date: t("header.date"), subject: t("header.subject"), to: t("header.to"), cc: t("header.cc"),
  };
  const date = longDate(email.sentAt ?? email.receivedAt, language.value);
  const draft = compose(startForward(email, words, date, plainBody(email, htmlToText)));
  draft.original = { id: email.id, kind: "forward" };
  return draft;
}

/** Goes on with a draft; one that is open already comes to the front. */
export function editDraft(email: Email): void {
  const open = drafts.value.find((d) => d.emailId === email.id);
  if (!open) return void add(Draft.fromEmail(email, plainBody(email, htmlToText)));
  bringUp(open);
}

export function bringUp(draft: Draft): void {
  for (const other of drafts.value) other.minimised.value = other !== draft;
}

/** Closes the window; the draft stays on the server. */
export async function close(draft: Draft): Promise<void> {
  if (draft.unsaved && !draft.empty) {
    try {
      await draft.save();
    } catch (error) {
      toast(t("compose.unsaved", { why: why(error) }), { kind: "error" });
      return;
    }
    toast(t("compose.kept"));
    void refreshAll();
  } else if (draft.empty) {
    await draft.discard().catch(note);
  }
  drop(draft);
}

export async function discard(draft: Draft): Promise<void> {
  drop(draft);
  const copy = draft.local();
  try {
    await draft.discard();
    const restore = () => {
      const again = add(new Draft(copy.start));
      again.original = copy.original;
      again.touch();
    };
    if (!draft.empty) toast(t("compose.discarded"), { action: { label: t("action.undo"), run: restore } });
  } catch (error) {
    toast(t("error.change", { why: why(error) }), { kind: "error" });
  }
  void refreshAll();
}

/** True when it went out. The window stays open when not. */
export async function send(draft: Draft): Promise<boolean> {
  const everyone = [...draft.to.value, ...draft.cc.value, ...draft.bcc.value];
  try {
    await draft.send();
  } catch (error) {
    announce(t("compose.notSent", { why: why(error) }));
    return false;
  }
  drop(draft);
  remember(everyone);
  const others = everyone.length - 1;
  const text = t(others > 0 ? "compose.sentMore" : "compose.sent", { to: shown(everyone[0]), count: others });
  announce(text);
  toast(text);
  markOriginal(draft.original);
  void refreshAll();
  return true;
}

function markOriginal(original: Draft["original"]): void {
  const known = original ? head(original.id) : undefined;
  if (original?.kind && known) void mark([known], original.kind === "reply" ? "$answered" : "$forwarded", true);
}

export function attach(draft: Draft, files: Iterable<File>): void {
  for (const file of files) void attachOne(draft, file);
}

async function attachOne(draft: Draft, file: File): Promise<void> {
  const entry = newAttachment(file);
  const limit = jmap().maxUpload;
  const change = (part: Partial<Attachment>) => {
    draft.attachments.value = draft.attachments.value.map((a) => (a.key === entry.key ? { ...a, ...part } : a));
  };
  draft.attachments.value = [...draft.attachments.value, entry];
  if (limit > 0 && file.size > limit) {
    change({ failed: t("attach.large", { limit: fileSize(limit, language.value) }), abort: null });
    return;
  }
  try {
    const stored = await jmap().upload(file, (sent) => change({ sent }), entry.abort!.signal);
    change({ blobId: stored.blobId, sent: file.size, abort: null });
    draft.touch();
  } catch (error) {
    note(error);
    if (entry.abort?.signal.aborted) return;
    change({ failed: why(error), abort: null });
  }
}

export function detach(draft: Draft, key: number): void {
  draft.attachments.value.find((a) => a.key === key)?.abort?.abort();
  draft.attachments.value = draft.attachments.value.filter((a) => a.key !== key);
  draft.touch();
}

/** Tries to bring every draft to the server; says whether all are there. */
export async function saveAll(): Promise<boolean> {
  const results = await Promise.allSettled(drafts.value.map((d) => d.save()));
  return results.every((r) => r.status === "fulfilled");
}

export function forgetDrafts(): void {
  forgetAllLocal(jmap().accountId);
}

export function startCompose(): void {
  whenLoggedIn(() => {
    if (drafts.value.length > 0) void saveAll();  // logged in again after the session had ended
    else restore();
  });
  window.addEventListener("online", () => void saveAll());
  window.addEventListener("pagehide", () => {
    for (const draft of drafts.value) if (draft.unsaved) void draft.save({ keepalive: true }).catch(() => undefined);
  });
  window.addEventListener("beforeunload", (event) => {
    const busy = drafts.value.some((d) => d.status.value === "sending" || d.uploading || (d.unsaved && d.status.value === "failed"));
    if (busy && authState.value !== "out") event.preventDefault();
  });
}

function restore(): void {
  const accountId = jmap().accountId;
  const left = orphans(accountId).slice(0, kMaxOpen);
  for (const local of left) {
    forgetLocal(accountId, local.key);
    const draft = new Draft(local.start);
    draft.emailId = local.emailId;
    draft.original = local.original;
    if (draft.empty) continue;
    add(draft);
    draft.touch();
  }
  for (const draft of drafts.value) draft.minimised.value = true;
  if (drafts.value.length > 0) toast(t("compose.restored", { count: drafts.value.length }));
}

export function draftOf(id: Id): Draft | undefined {
  return drafts.value.find((d) => d.emailId === id);
}
