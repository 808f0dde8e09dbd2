// What the tests need in common.

import type { Email } from "../src/api/types";

export function email(part: Partial<Email> = {}): Email {
  return {
    id: "e1", threadId: "t1", blobId: "b1", mailboxIds: { inbox: true }, keywords: {}, from: [{ name: "Ben", email: "ben@example.net" }],
    to: [{ name: "Alice", email: "alice@example.org" }], cc: null, bcc: null, replyTo: null, subject: "Hello", receivedAt: "2026-11-20T10:00:00Z", sentAt: null,
    size: 100, hasAttachment: false, preview: "", messageId: ["m1@example.net"], inReplyTo: null, references: null, textBody: [], htmlBody: [],
    attachments: [], bodyValues: {}, ...part,
  };
}
