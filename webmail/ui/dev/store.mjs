// The mock's mail store: one account, everything in memory, lost at exit. A tool for developing the UI, not a mail server.

import { createHash, randomBytes } from "node:crypto";
import { parseMail, plainOf } from "./mime.mjs";

const kRoles = [["inbox", "Inbox"], ["drafts", "Drafts"], ["sent", "Sent"], ["archive", "Archive"], ["junk", "Junk"], ["trash", "Trash"]];

export class Store {
  constructor(user) {
    this.user = user;
    this.accountId = "a" + createHash("sha256").update(user.email).digest("hex").slice(0, 12);
    this.mailboxes = new Map();
    this.emails = new Map();
    this.blobs = new Map();
    this.submissions = new Map();
    this.state = 1;
    this.nextMailbox = 1;
    this.watchers = new Set();
    kRoles.forEach(([role, name], i) => this.addMailbox(name, null, role, i));
  }

  addMailbox(name, parentId = null, role = null, sortOrder = 10) {
    const id = "m" + this.nextMailbox++;
    this.mailboxes.set(id, { id, name, parentId, role, sortOrder });
    return id;
  }

  role(role) {
    return [...this.mailboxes.values()].find((m) => m.role === role)?.id;
  }

  putBlob(bytes) {
    const id = "b" + createHash("sha256").update(bytes).digest("hex").slice(0, 24);
    this.blobs.set(id, bytes);
    return id;
  }

  /** Parses the bytes and files them. Later changes touch only mailboxIds and keywords. */
  addMail(bytes, mailboxIds, keywords = {}, receivedAt = new Date()) {
    const mail = parseMail(bytes, (part) => this.putBlob(part));
    const id = "e" + randomBytes(8).toString("hex");
    const email = {
      ...mail, id, blobId: this.putBlob(bytes), size: bytes.length, mailboxIds, keywords,
      receivedAt: receivedAt.toISOString().replace(/\.\d+Z$/, "Z"), preview: plainOf(mail).replace(/\s+/g, " ").trim().slice(0, 220),
    };
    email.threadId = this.threadOf(email);
    this.emails.set(id, email);
    this.changed();
    return email;
  }

  threadOf(email) {
    const wanted = new Set([...(email.references ?? []), ...(email.inReplyTo ?? [])]);
    for (const other of this.emails.values()) {
      if (other.messageId?.some((m) => wanted.has(m) || email.messageId?.includes(m)) || other.references?.some((m) => wanted.has(m))) return other.threadId;
    }
    return "t" + randomBytes(8).toString("hex");
  }

  thread(id) {
    return [...this.emails.values()].filter((e) => e.threadId === id).sort((a, b) => a.receivedAt.localeCompare(b.receivedAt)).map((e) => e.id);
  }

  counts(mailboxId) {
    const all = [...this.emails.values()].filter((e) => e.mailboxIds[mailboxId]);
    const unread = all.filter((e) => !e.keywords.$seen);
    return {
      totalEmails: all.length, unreadEmails: unread.length,
      totalThreads: new Set(all.map((e) => e.threadId)).size, unreadThreads: new Set(unread.map((e) => e.threadId)).size,
    };
  }

  changed() {
    this.state++;
    for (const watcher of this.watchers) watcher(String(this.state));
  }
}
