// What a reply or a forwarded message begins with. Pure: the words come in from outside.

import type { Address, BodyPart, Email, Identity } from "../api/types";
import { formatList, formatOne, sameEmail, without } from "./addresses";
import { forwardSubject, quote, replySubject } from "./text";

export interface Start {
  to: Address[];
  cc: Address[];
  bcc: Address[];
  subject: string;
  body: string;
  inReplyTo: string[];
  references: string[];
  parts: BodyPart[];
}

export interface ForwardWords {
  title: string;
  from: string;
  date: string;
  subject: string;
  to: string;
  cc: string;
}

/** RFC 5322 section 3.6.4: the parent's references, then the parent. */
export function referencesFor(parent: Email): string[] {
  const before = parent.references?.length ? parent.references : parent.inReplyTo?.length === 1 ? parent.inReplyTo : [];
  const all = [...before, ...(parent.messageId ?? [])];
  // A long conversation keeps its first and its latest messages, so that no header grows without end.
  return all.length > 40 ? [...all.slice(0, 1), ...all.slice(-39)] : all;
}

function isOurs(address: Address | undefined, identities: readonly Identity[]): boolean {
  return address !== undefined && identities.some((i) => sameEmail(i.email, address.email));
}

export function startReply(parent: Email, everyone: boolean, identities: readonly Identity[], intro: string, text: string): Start {
  const own = isOurs(parent.from?.[0], identities);
  const sender = own ? (parent.to ?? []) : parent.replyTo?.length ? parent.replyTo : (parent.from ?? []);
  const to = dedupe(sender);
  let cc: Address[] = [];
  if (everyone) {
    const others = own ? (parent.cc ?? []) : [...(parent.to ?? []), ...(parent.cc ?? [])];
    cc = without(others, identities, to);
  }
  return {
    to, cc, bcc: [], subject: replySubject(parent.subject),
    body: `\n\n${intro}\n${quote(text)}\n`,
    inReplyTo: parent.messageId ?? [], references: referencesFor(parent), parts: [],
  };
}

function dedupe(list: readonly Address[]): Address[] {
  return without(list, []);
}

export function startForward(parent: Email, words: ForwardWords, date: string, text: string): Start {
  const lines = [
    `---------- ${words.title} ----------`,
    `${words.from}: ${(parent.from ?? []).map(formatOne).join(", ")}`,
    `${words.date}: ${date}`,
    `${words.subject}: ${parent.subject ?? ""}`,
    `${words.to}: ${formatList(parent.to)}`,
  ];
  if (parent.cc?.length) lines.push(`${words.cc}: ${formatList(parent.cc)}`);
  return {
    to: [], cc: [], bcc: [], subject: forwardSubject(parent.subject), body: `\n\n${lines.join("\n")}\n\n${text}`,
    inReplyTo: [], references: referencesFor(parent), parts: parent.attachments.filter((p) => p.blobId !== null),
  };
}

/** mailto: links (RFC 6068) open the composer too. */
export function startMailto(url: string): Start {
  const start: Start = { to: [], cc: [], bcc: [], subject: "", body: "", inReplyTo: [], references: [], parts: [] };
  const [path = "", search = ""] = url.replace(/^mailto:/i, "").split("?", 2);
  const list = (text: string) => text.split(",").map((e) => ({ name: null, email: decode(e).trim() })).filter((a) => a.email !== "");
  start.to.push(...list(path));
  for (const pair of search.split("&")) {
    const [key = "", value = ""] = pair.split("=", 2);
    const name = key.toLowerCase();
    if (name === "to") start.to.push(...list(value));
    else if (name === "cc") start.cc.push(...list(value));
    else if (name === "bcc") start.bcc.push(...list(value));
    else if (name === "subject") start.subject = decode(value);
    else if (name === "body") start.body = decode(value);
  }
  return start;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
