// Just enough MIME for the mock (RFC 2045 to 2047, 5322): what its own seeds, the UI and swaks produce. Genkan's real parser is in C++.

import { Buffer } from "node:buffer";

export function decodeBytes(bytes, charset) {
  try {
    return new TextDecoder(charset || "utf-8").decode(bytes);
  } catch {
    return new TextDecoder("utf-8").decode(bytes);
  }
}

export function decodeWords(text) {
  return text.replace(/\?=\s+=\?/g, "?==?").replace(/=\?([^?*]+)(?:\*[^?]*)?\?([bq])\?([^?]*)\?=/gi, (_, charset, how, data) => {
    const bytes = how.toLowerCase() === "b" ? Buffer.from(data, "base64")
      : Buffer.from(data.replace(/_/g, " ").replace(/=([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16))), "latin1");
    return decodeBytes(bytes, charset);
  });
}

export function parseAddresses(text) {
  if (!text) return null;
  const found = [];
  for (const match of decodeWords(text).matchAll(/(?:"((?:[^"\\]|\\.)*)"|([^,<"]*))\s*<([^>]*)>|([^\s,<>]+@[^\s,<>]+)/g)) {
    found.push({ name: (match[1]?.replace(/\\(.)/g, "$1") ?? match[2] ?? "").trim() || null, email: (match[3] ?? match[4]).trim() });
  }
  return found.length > 0 ? found : null;
}

function splitHead(bytes) {
  const text = bytes.toString("latin1");
  const end = /\r?\n\r?\n/.exec(text);
  const head = end ? text.slice(0, end.index) : text;
  const fields = new Map();
  for (const line of Buffer.from(head, "latin1").toString("utf8").replace(/\r?\n[ \t]+/g, " ").split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon > 0 && !fields.has(line.slice(0, colon).toLowerCase())) fields.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { fields, body: end ? bytes.subarray(end.index + end[0].length) : Buffer.alloc(0) };
}

function parameters(value = "") {
  const [type = "", ...rest] = value.split(";");
  const map = new Map();
  for (const part of rest) {
    const match = /^\s*([\w*-]+)\s*=\s*"?([^"]*)"?\s*$/.exec(part);
    if (match) map.set(match[1].toLowerCase(), match[2]);
  }
  return { type: type.trim().toLowerCase(), map };
}

function transferDecode(body, encoding = "") {
  if (/base64/i.test(encoding)) return Buffer.from(body.toString("latin1"), "base64");
  if (/quoted-printable/i.test(encoding)) {
    const text = body.toString("latin1").replace(/[ \t]+$/gm, "").replace(/=\r?\n/g, "").replace(/=([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
    return Buffer.from(text, "latin1");
  }
  return body;
}

function ids(value) {
  const found = [...(value ?? "").matchAll(/<([^<>\s]+)>/g)].map((m) => m[1]);
  return found.length > 0 ? found : null;
}

function walk(bytes, out, putBlob, depth) {
  const { fields, body } = splitHead(bytes);
  const { type, map } = parameters(fields.get("content-type") ?? "text/plain; charset=utf-8");
  const boundary = map.get("boundary");
  if (type.startsWith("multipart/") && boundary && depth < 10) {
    const text = body.toString("latin1");
    const pieces = text.split(new RegExp(`(?:^|\\r?\\n)--${boundary.replace(/[^\w]/g, "\\$&")}(?:--)?[ \\t]*(?:\\r?\\n|$)`));
    for (const piece of pieces.slice(1, -1)) walk(Buffer.from(piece, "latin1"), out, putBlob, depth + 1);
    return;
  }
  const disposition = parameters(fields.get("content-disposition"));
  const data = transferDecode(body, fields.get("content-transfer-encoding"));
  const encodedName = disposition.map.get("filename*") ?? map.get("name*");
  const name = encodedName ? decodeURIComponent(encodedName.replace(/^[^']*'[^']*'/, "")) : decodeWords(disposition.map.get("filename") ?? map.get("name") ?? "") || null;
  const part = {
    partId: String(out.count++), blobId: putBlob(data), size: data.length, name, type: type || "text/plain", charset: map.get("charset") ?? null,
    disposition: disposition.type || null, cid: fields.get("content-id")?.replace(/[<>]/g, "") ?? null,
  };
  const inline = part.disposition !== "attachment" && !name;
  if (inline && type === "text/html") out.html.push(part);
  else if (inline && type.startsWith("text/plain")) out.text.push(part);
  else out.attachments.push(part);
  if (type.startsWith("text/")) out.values[part.partId] = { value: decodeBytes(data, part.charset ?? "utf-8").replace(/\r\n/g, "\n"), isTruncated: false, isEncodingProblem: false };
}

export function parseMail(bytes, putBlob) {
  const { fields } = splitHead(bytes);
  const out = { html: [], text: [], attachments: [], values: {}, count: 1 };
  walk(bytes, out, putBlob, 0);
  const date = new Date(fields.get("date") ?? "");
  return {
    messageId: ids(fields.get("message-id")), inReplyTo: ids(fields.get("in-reply-to")), references: ids(fields.get("references")),
    from: parseAddresses(fields.get("from")), to: parseAddresses(fields.get("to")), cc: parseAddresses(fields.get("cc")), bcc: parseAddresses(fields.get("bcc")),
    replyTo: parseAddresses(fields.get("reply-to")), subject: fields.has("subject") ? decodeWords(fields.get("subject")) : null,
    sentAt: Number.isNaN(date.getTime()) ? null : date.toISOString(),
    textBody: out.text.length > 0 ? out.text : out.html, htmlBody: out.html.length > 0 ? out.html : out.text,
    attachments: out.attachments, bodyValues: out.values, hasAttachment: out.attachments.some((a) => !a.cid),
  };
}

export function plainOf(mail) {
  const part = mail.textBody[0];
  const value = part ? mail.bodyValues[part.partId]?.value ?? "" : "";
  return part?.type === "text/html" ? value.replace(/<(style|script|title)[\s\S]*?<\/\1>/gi, "").replace(/<[^>]*>/g, " ").replace(/&nbsp;/g, " ").replace(/&amp;/g, "&").replace(/&lt;/g, "<").replace(/&gt;/g, ">") : value;
}

const word = (text) => (/^[\x20-\x7e]*$/.test(text) ? text : `=?UTF-8?B?${Buffer.from(text).toString("base64")}?=`);
const addressLine = (list) => list.map((a) => (a.name ? `${/^[\w ]+$/.test(a.name) ? a.name : /^[\x20-\x7e]*$/.test(a.name) ? JSON.stringify(a.name) : word(a.name)} <${a.email}>` : a.email)).join(", ");
const base64Lines = (bytes) => bytes.toString("base64").replace(/.{76}/g, "$&\r\n");

/** From the properties of Email/set create (RFC 8621 section 4.6) to bytes. */
export function buildMail(create, blob, id) {
  const lines = [`Message-ID: <${create.messageId?.[0] ?? id}>`, `Date: ${new Date(create.sentAt ?? Date.now()).toUTCString().replace("GMT", "+0000")}`, "MIME-Version: 1.0"];
  for (const [key, name] of [["from", "From"], ["to", "To"], ["cc", "Cc"], ["bcc", "Bcc"], ["replyTo", "Reply-To"]]) {
    if (create[key]?.length) lines.push(`${name}: ${addressLine(create[key])}`);
  }
  if (create.subject !== undefined && create.subject !== null) lines.push(`Subject: ${word(create.subject)}`);
  if (create.inReplyTo?.length) lines.push(`In-Reply-To: ${create.inReplyTo.map((m) => `<${m}>`).join(" ")}`);
  if (create.references?.length) lines.push(`References: ${create.references.map((m) => `<${m}>`).join("\r\n ")}`);
  const leaf = (type, text) => [`Content-Type: ${type}; charset=utf-8`, "Content-Transfer-Encoding: base64", "", base64Lines(Buffer.from(text))];
  const bodies = [...(create.textBody ?? []), ...(create.htmlBody ?? [])].map((p) => leaf(p.type, create.bodyValues?.[p.partId]?.value ?? ""));
  const parts = (create.attachments ?? []).map((a) => [
    `Content-Type: ${a.type}`, `Content-Disposition: attachment; filename*=UTF-8''${encodeURIComponent(a.name ?? "file")}`, "Content-Transfer-Encoding: base64",
    ...(a.cid ? [`Content-ID: <${a.cid}>`] : []), "", base64Lines(blob(a.blobId)),
  ]);
  const join = (type, list, mark) => [`Content-Type: multipart/${type}; boundary="${mark}"`, "", ...list.flatMap((p) => [`--${mark}`, ...p]), `--${mark}--`, ""];
  const text = bodies.length > 1 ? join("alternative", bodies, `alt-${id}`) : bodies[0] ?? leaf("text/plain", "");
  return Buffer.from([...lines, ...(parts.length > 0 ? join("mixed", [text, ...parts], `mix-${id}`) : text)].join("\r\n"));
}
