// One message that is being written. It is saved on the server while one types; what could not be saved is kept in this browser.
//
//   clean ─► dirty ─► saving ─► clean        dirty ─► sending ─► sent (gone)
//              ▲─── failed ◄──┘                ▲──── failed ◄──┘
//
// Emails are immutable in JMAP: saving creates the new version first and destroys the old one after, so no moment is without a copy.

import { signal } from "@preact/signals";
import { ApiError } from "../api/http";
import { checkSet } from "../api/jmap";
import type { Address, Email, Id, SetResult } from "../api/types";
import type { Start } from "../mail/reply";
import { byRole } from "./mailboxes";
import { guarded, identities, jmap } from "./session";
import { forgetLocal, storeLocal, type LocalDraft } from "./localdrafts";

export interface Attachment {
  key: number;
  name: string;
  type: string;
  size: number;
  blobId: Id | null;  // null while it is on its way
  sent: number;
  failed: string | null;
  abort: AbortController | null;
}

export type DraftStatus = "clean" | "dirty" | "saving" | "failed" | "sending";
export type ReplyKind = "reply" | "forward" | null;

const kSaveDelay = 1500;
const kRetryDelay = 15_000;
let nextKey = 1;

export class Draft {
  readonly key: string;
  readonly to = signal<Address[]>([]);
  readonly cc = signal<Address[]>([]);
  readonly bcc = signal<Address[]>([]);
  readonly subject = signal("");
  readonly body = signal("");
  readonly attachments = signal<Attachment[]>([]);
  readonly status = signal<DraftStatus>("clean");
  readonly savedAt = signal<Date | null>(null);
  /** Why the last try to send it failed. */
  readonly problem = signal<unknown>(null);
  readonly minimised = signal(false);
  inReplyTo: string[] = [];
  references: string[] = [];
  /** The message that is answered or forwarded, to be marked when this one is sent. */
  original: { id: Id; kind: ReplyKind } | null = null;
  emailId: Id | null = null;
  /** A submission was asked for but its answer never came: look before sending again. */
  private uncertainId: Id | null = null;
  private version = 0;
  private savedVersion = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(start: Partial<Start> = {}, key = `${Date.now().toString(36)}-${nextKey++}`) {
    this.key = key;
    this.to.value = start.to ?? [];
    this.cc.value = start.cc ?? [];
    this.bcc.value = start.bcc ?? [];
    this.subject.value = start.subject ?? "";
    this.body.value = start.body ?? "";
    this.inReplyTo = start.inReplyTo ?? [];
    this.references = start.references ?? [];
    this.attachments.value = (start.parts ?? []).map((part) => ({
      key: nextKey++, name: part.name ?? "", type: part.type, size: part.size, blobId: part.blobId, sent: part.size, failed: null, abort: null,
    }));
  }

  static fromEmail(email: Email, body: string): Draft {
    const draft = new Draft({
      to: email.to ?? [], cc: email.cc ?? [], bcc: email.bcc ?? [], subject: email.subject ?? "", body,
      inReplyTo: email.inReplyTo ?? [], references: email.references ?? [], parts: email.attachments.filter((p) => p.blobId !== null),
    });
    draft.emailId = email.id;
    return draft;
  }

  /** Whether closing it would lose nothing that a person wrote. */
  get empty(): boolean {
    return this.to.value.length + this.cc.value.length + this.bcc.value.length + this.attachments.value.length === 0
      && this.subject.value.trim() === "" && this.body.value.trim() === "";
  }

  get unsaved(): boolean {
    return this.version !== this.savedVersion;
  }

  get uploading(): boolean {
    return this.attachments.value.some((a) => a.blobId === null && a.failed === null);
  }

  /** Something was typed. */
  touch(): void {
    this.version++;
    if (this.status.value !== "sending" && this.status.value !== "saving") this.status.value = "dirty";
    storeLocal(jmap().accountId, this.local());
    this.schedule();
  }

  private schedule(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.save().catch(() => undefined), kSaveDelay);
  }

  local(): LocalDraft {
    return {
      key: this.key, at: Date.now(), emailId: this.emailId, original: this.original,
      start: {
        to: this.to.value, cc: this.cc.value, bcc: this.bcc.value, subject: this.subject.value, body: this.body.value,
        inReplyTo: this.inReplyTo, references: this.references,
        parts: this.attachments.value.filter((a) => a.blobId !== null).map((a) => ({
          partId: null, blobId: a.blobId, size: a.size, name: a.name, type: a.type, charset: null, disposition: "attachment", cid: null,
        })),
      },
    };
  }

  /** Saves what is not saved yet. One save at a time; a later one waits for an earlier one. */
  save(options: { keepalive?: boolean } = {}): Promise<void> {
    clearTimeout(this.timer);
    const next = this.running.catch(() => undefined).then(() => this.saveNow(options));
    this.running = next;
    return next;
  }

  private async saveNow(options: { keepalive?: boolean }): Promise<void> {
    if (!this.unsaved || (this.empty && this.emailId === null)) return;
    const version = this.version;
    const sending = this.status.value === "sending";
    if (!sending) this.status.value = "saving";
    try {
      await this.store(options);
      this.savedVersion = version;
      this.savedAt.value = new Date();
      if (!this.unsaved) forgetLocal(jmap().accountId, this.key);
      if (!sending) this.status.value = this.unsaved ? "dirty" : "clean";
    } catch (error) {
      if (!sending) this.status.value = "failed";
      // Offline or logged out: it stays in this browser and is tried again, at the latest at the next login.
      if (!sending) this.timer = setTimeout(() => void this.save().catch(() => undefined), kRetryDelay);
      throw error;
    }
    if (this.unsaved && !sending) this.schedule();
  }

  private async store(options: { keepalive?: boolean }): Promise<void> {
    const old = this.emailId;
    const result = await guarded(() => jmap().call<SetResult<{ id: Id }>>("Email/set", { create: { d: this.toEmail() } }, options));
    checkSet(result as SetResult);
    const id = result.created?.["d"]?.id;
    if (!id) throw new ApiError("server", 200, "the draft was not created");
    this.emailId = id;
    // One that may have been sent is no draft any more: it is not ours to destroy.
    if (old && old !== this.uncertainId) await guarded(() => jmap().call("Email/set", { destroy: [old] }, options)).catch(() => undefined);
  }

  private toEmail(): Record<string, unknown> {
    const drafts = byRole("drafts");
    const identity = identities.value[0];
    if (!drafts || !identity) throw new ApiError("server", 200, "no drafts folder or no identity");
    const optional = (list: Address[]) => (list.length > 0 ? list : undefined);
    return {
      mailboxIds: { [drafts.id]: true }, keywords: { $draft: true, $seen: true },
      from: [{ name: identity.name || null, email: identity.email }],
      to: optional(this.to.value), cc: optional(this.cc.value), bcc: optional(this.bcc.value),
      subject: this.subject.value,
      inReplyTo: this.inReplyTo.length > 0 ? this.inReplyTo : undefined,
      references: this.references.length > 0 ? this.references : undefined,
      textBody: [{ partId: "t", type: "text/plain" }],
      bodyValues: { t: { value: this.body.value } },
      attachments: this.attachments.value.filter((a) => a.blobId !== null)
        .map((a) => ({ blobId: a.blobId, type: a.type, name: a.name, disposition: "attachment" })),
    };
  }

  /** Sends it. Throws when it was not sent; then everything is still here. */
  async send(): Promise<void> {
    this.status.value = "sending";
    this.problem.value = null;
    try {
      if (await this.wasSent()) return this.gone();
      if (this.emailId === null) this.version++;
      await this.save();
      if (this.emailId === null) throw new ApiError("server", 200, "the draft was not created");
      await this.submit(this.emailId);
      this.gone();
    } catch (error) {
      this.status.value = "failed";
      this.problem.value = error;
      throw error;
    }
  }

  private async submit(emailId: Id): Promise<void> {
    const identity = identities.value[0];
    const sent = byRole("sent");
    this.uncertainId = emailId;
    let result: SetResult;
    try {
      result = await guarded(() => jmap().call<SetResult>("EmailSubmission/set", {
        create: { s: { identityId: identity?.id, emailId } },
        onSuccessUpdateEmail: sent ? { "#s": { mailboxIds: { [sent.id]: true }, keywords: { $seen: true } } } : undefined,
      }));
    } catch (error) {
      // Anything but silence is an answer: it was not sent.
      if (!(error instanceof ApiError) || (error.kind !== "offline" && error.kind !== "server")) this.uncertainId = null;
      throw error;
    }
    this.uncertainId = null;
    checkSet(result);
  }

  /** The server moves a draft to Sent when it takes it for delivery: then an earlier try did arrive. */
  private async wasSent(): Promise<boolean> {
    const id = this.uncertainId;
    if (id === null) return false;
    const found = await guarded(() => jmap().call<{ list: Email[] }>("Email/get", { ids: [id], properties: ["id", "keywords"] }));
    this.uncertainId = null;
    return found.list.length > 0 && !found.list[0]!.keywords["$draft"];
  }

  /** Deletes it here and on the server. */
  async discard(): Promise<void> {
    for (const attachment of this.attachments.value) attachment.abort?.abort();
    await this.running.catch(() => undefined);
    const id = this.emailId;
    this.gone();
    if (id) checkSet(await guarded(() => jmap().call<SetResult>("Email/set", { destroy: [id] })));
  }

  private gone(): void {
    clearTimeout(this.timer);
    this.savedVersion = this.version;
    forgetLocal(jmap().accountId, this.key);
  }
}

export function newAttachment(file: File): Attachment {
  return {
    key: nextKey++, name: file.name || "file", type: file.type || "application/octet-stream", size: file.size,
    blobId: null, sent: 0, failed: null, abort: new AbortController(),
  };
}
