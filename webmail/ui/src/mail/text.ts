// Plain-text bodies: quoting for a reply, subjects, splitting off what was quoted, links.

import type { Email } from "../api/types";

/** "Re: " in front, without piling up (also the forms that other mail programs and languages put there). */
export function replySubject(subject: string | null): string {
  const bare = stripPrefixes(subject ?? "", /^\s*(re|aw|sv|antw|返信)\s*(\[\d+\]|\(\d+\))?\s*[:：]\s*/i);
  return `Re: ${bare}`;
}

export function forwardSubject(subject: string | null): string {
  const bare = stripPrefixes(subject ?? "", /^\s*(fwd?|wg|転送)\s*[:：]\s*/i);
  return `Fwd: ${bare}`;
}

function stripPrefixes(text: string, prefix: RegExp): string {
  let bare = text;
  while (prefix.test(bare)) bare = bare.replace(prefix, "");
  return bare.trim();
}

/** Quotes in the style of RFC 3676 section 4.5: ">" directly before an older quote, "> " before text. */
export function quote(text: string): string {
  const lines = text.replace(/\r\n?/g, "\n").replace(/\n+$/, "").split("\n");
  return lines.map((line) => (line === "" ? ">" : line.startsWith(">") ? `>${line}` : `> ${line}`)).join("\n");
}

/** The body as text: the text part if there is one, else what the HTML says when it is read aloud. */
export function plainBody(email: Email, htmlToText: (html: string) => string): string {
  const parts = email.textBody.map((part) => {
    const value = part.partId === null ? undefined : email.bodyValues[part.partId]?.value;
    if (value === undefined) return "";
    return part.type === "text/html" ? htmlToText(value) : value;
  });
  return parts.filter((p) => p !== "").join("\n\n").replace(/\r\n?/g, "\n");
}

export interface SplitBody {
  fresh: string;
  quoted: string;
}

/** Divides a reply into what is new and the quotation at its end (with the line that introduces it). */
export function splitQuoted(text: string): SplitBody {
  const lines = text.replace(/\r\n?/g, "\n").replace(/\n+$/, "").split("\n");
  let start = lines.length;
  while (start > 0 && (lines[start - 1]!.startsWith(">") || lines[start - 1]!.trim() === "")) start--;
  while (start < lines.length && lines[start]!.trim() === "") start++;
  const original = lines.findIndex((line) => /^-{2,}\s*(original message|forwarded message|元のメッセージ|転送メッセージ)\s*-{2,}$/i.test(line.trim()));
  if (original > 0 && original < start) start = original;
  if (start >= lines.length) return { fresh: text, quoted: "" };
  const intro = start > 0 ? lines[start - 1]!.trim() : "";
  if (/(wrote|writes|schrieb|のメール|さん|書きました|>)\s*[:：]$/.test(intro)) start--;
  const fresh = lines.slice(0, start).join("\n").replace(/\n+$/, "");
  if (fresh.trim() === "") return { fresh: text, quoted: "" };
  return { fresh, quoted: lines.slice(start).join("\n") };
}

export type Piece = { text: string; href?: string };

/** Every repetition has a bound and a mail address starts only where a word does: time stays linear in the length of the text. */
const kLinks = /(https?:\/\/[^\s<>"'`　、。「」（）]{1,2000})|((?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})/gi;

/** Finds web and mail addresses; everything else stays text. Only http, https and mailto become links. */
export function linkify(text: string): Piece[] {
  const pieces: Piece[] = [];
  let last = 0;
  for (const match of text.matchAll(kLinks)) {
    const found = match[1] ? trimUrl(match[0]) : match[0];
    const at = match.index;
    if (at > last) pieces.push({ text: text.slice(last, at) });
    pieces.push({ text: found, href: match[1] ? found : `mailto:${found}` });
    last = at + found.length;
  }
  if (last < text.length) pieces.push({ text: text.slice(last) });
  return pieces;
}

/** Punctuation at the end belongs to the sentence, a closing bracket only when the address has no opening one. */
function trimUrl(url: string): string {
  let open = url.split("(").length - url.split(")").length;  // below zero: more closed than opened
  let end = url.length;
  for (; end > 0; end--) {
    const c = url[end - 1]!;
    if (c === ")" && open < 0) open++;
    else if (!".,;:!?'*_~".includes(c)) break;
  }
  return url.slice(0, end);
}

/** Quotation depth of a line of text. */
export function depthOf(line: string): number {
  const match = /^(?:>\s?)+/.exec(line);
  return match ? match[0].replace(/\s/g, "").length : 0;
}
