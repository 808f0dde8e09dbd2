// The JMAP objects that the UI uses (RFC 8620, RFC 8621), cut down to the properties it asks for.

export type Id = string;

export interface Session {
  username: string;
  accounts: Record<Id, { name: string; isPersonal?: boolean; isReadOnly?: boolean }>;
  primaryAccounts: Record<string, Id>;
  capabilities: Record<string, unknown>;
  apiUrl: string;
  downloadUrl: string;
  uploadUrl: string;
  eventSourceUrl?: string;
  state: string;
}

export type Role = "inbox" | "drafts" | "sent" | "archive" | "junk" | "trash" | "important" | "all" | "flagged";

export interface Mailbox {
  id: Id;
  name: string;
  parentId: Id | null;
  role: Role | null;
  sortOrder: number;
  totalEmails: number;
  unreadEmails: number;
  totalThreads?: number;
  unreadThreads?: number;
}

export interface Address {
  name: string | null;
  email: string;
}

export type Keywords = Record<string, boolean>;

/** What a row of the list needs. */
export interface Head {
  id: Id;
  threadId: Id;
  mailboxIds: Record<Id, boolean>;
  keywords: Keywords;
  from: Address[] | null;
  to: Address[] | null;
  subject: string | null;
  receivedAt: string;
  size: number;
  hasAttachment: boolean;
  preview: string;
  messageId: string[] | null;
}

export interface BodyPart {
  partId: string | null;
  blobId: Id | null;
  size: number;
  name: string | null;
  type: string;
  charset: string | null;
  disposition: string | null;
  cid: string | null;
}

/** What the reading pane needs. */
export interface Email extends Head {
  blobId: Id;
  inReplyTo: string[] | null;
  references: string[] | null;
  cc: Address[] | null;
  bcc: Address[] | null;
  replyTo: Address[] | null;
  sentAt: string | null;
  textBody: BodyPart[];
  htmlBody: BodyPart[];
  attachments: BodyPart[];
  bodyValues: Record<string, { value: string; isTruncated?: boolean; isEncodingProblem?: boolean }>;
}

export interface Identity {
  id: Id;
  name: string;
  email: string;
  replyTo?: Address[] | null;
  textSignature?: string;
}

export interface SetError {
  type: string;
  description?: string | null;
  properties?: string[];
}

export interface SetResult<T = Record<string, unknown>> {
  accountId: Id;
  oldState: string | null;
  newState: string;
  created?: Record<Id, T> | null;
  updated?: Record<Id, T | null> | null;
  destroyed?: Id[] | null;
  notCreated?: Record<Id, SetError> | null;
  notUpdated?: Record<Id, SetError> | null;
  notDestroyed?: Record<Id, SetError> | null;
}

export interface Upload {
  accountId: Id;
  blobId: Id;
  type: string;
  size: number;
}

export const kHeadProperties = [
  "id", "threadId", "mailboxIds", "keywords", "from", "to", "subject", "receivedAt", "size", "hasAttachment", "preview", "messageId",
];

export const kEmailProperties = [
  ...kHeadProperties, "blobId", "inReplyTo", "references", "cc", "bcc", "replyTo", "sentAt",
  "textBody", "htmlBody", "attachments", "bodyValues",
];
