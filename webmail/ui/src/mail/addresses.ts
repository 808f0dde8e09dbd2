// Mail addresses as people type and read them: "Name <a@b>, c@d" in both directions (RFC 5322 section 3.4, leniently).

import type { Address, Identity } from "../api/types";

/** Enough to catch slips of the keyboard; the server decides what can really be delivered to. */
const kPlausible = /^[^\s@<>(),;:"]+@[^\s@<>(),;:"]+$|^"[^"]+"@[^\s@<>(),;:"]+$/;

export function isPlausible(email: string): boolean {
  return kPlausible.test(email) && email.length <= 254;
}

/** Splits at commas and semicolons (also 、，；) that are not inside quotes, angle brackets or comments. */
export function splitList(text: string): string[] {
  const parts: string[] = [];
  let current = "";
  let quoted = false;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === "\\" && quoted) {
      current += c + (text[++i] ?? "");
      continue;
    }
    if (c === '"') quoted = !quoted;
    if (!quoted && (c === "<" || c === "(")) depth++;
    if (!quoted && (c === ">" || c === ")")) depth = Math.max(0, depth - 1);
    if (!quoted && depth === 0 && ",;、，；\n".includes(c)) {
      if (current.trim()) parts.push(current.trim());
      current = "";
    } else {
      current += c;
    }
  }
  if (current.trim()) parts.push(current.trim());
  return parts;
}

export function parseOne(text: string): Address {
  const trimmed = text.trim();
  const angle = /^(.*?)\s*<([^<>]*)>\s*$/s.exec(trimmed);
  if (!angle) return { name: null, email: trimmed };
  let name = angle[1]!.trim();
  if (name.startsWith('"') && name.endsWith('"') && name.length > 1) name = name.slice(1, -1).replace(/\\(.)/g, "$1");
  return { name: name || null, email: angle[2]!.trim() };
}

export function parseList(text: string): Address[] {
  return splitList(text).map(parseOne);
}

/** As it stands in a header or an input field; quotes a name only where it must. */
export function formatOne(address: Address): string {
  if (!address.name) return address.email;
  const name = /[(),.:;<>@[\]"\\、，；]/.test(address.name) ? `"${address.name.replace(/(["\\])/g, "\\$1")}"` : address.name;
  return `${name} <${address.email}>`;
}

export function formatList(addresses: readonly Address[] | null | undefined): string {
  return (addresses ?? []).map(formatOne).join(", ");
}

/** What a person calls this sender: the name, else the address. */
export function shown(address: Address | undefined | null): string {
  return address?.name?.trim() || address?.email || "";
}

export function sameEmail(a: string, b: string): boolean {
  return a.trim().toLowerCase() === b.trim().toLowerCase();
}

/** Drops addresses that are ours, and doubles. */
export function without(addresses: readonly Address[], identities: readonly Identity[], taken: readonly Address[] = []): Address[] {
  const seen = new Set([...taken.map((a) => a.email), ...identities.map((i) => i.email)].map((e) => e.trim().toLowerCase()));
  return addresses.filter((address) => {
    const key = address.email.trim().toLowerCase();
    if (!key || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** One or two characters for the round picture of a sender. */
export function initials(address: Address | undefined | null): string {
  const name = shown(address).replace(/["'()<>[\]]/g, "").trim();
  if (!name) return "?";
  const first = [...name][0]!;
  if (/[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/.test(first)) return first;
  const words = name.split("@")[0]!.split(/[\s._-]+/).filter(Boolean);
  const second = words.length > 1 ? [...words[words.length - 1]!][0]! : "";
  return (first + second).toLocaleUpperCase();
}

/** A hue that is always the same for one address. */
export function hue(email: string): number {
  let hash = 2166136261;
  for (const c of email.trim().toLowerCase()) hash = Math.imul(hash ^ c.codePointAt(0)!, 16777619);
  return (hash >>> 0) % 360;
}
