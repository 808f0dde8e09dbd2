// The search box: words, "phrases" and a few operators, turned into a JMAP filter (RFC 8621 section 4.4.1).
//   from:alice subject:"release notes" has:attachment is:unread before:2026-10-01 会議

export type Filter = Record<string, unknown>;

const kTextKeys = new Set(["from", "to", "cc", "subject", "body"]);

export interface Term {
  key: string;
  value: string;
  negated: boolean;
}

export function parseSearch(text: string): Term[] {
  const terms: Term[] = [];
  const pattern = /(-?)(?:([a-z]+)[:：])?(?:"([^"]*)"?|([^\s"　]+))/giu;
  for (const match of text.matchAll(pattern)) {
    const value = (match[3] ?? match[4] ?? "").trim();
    const key = (match[2] ?? "").toLowerCase();
    if (value === "") continue;
    terms.push({ key, value, negated: match[1] === "-" });
  }
  return terms;
}

/** The filter, or null when there is nothing to search for. */
export function toFilter(text: string): Filter | null {
  const conditions = parseSearch(text).map((term) => {
    const condition = one(term);
    return term.negated ? { operator: "NOT", conditions: [condition] } : condition;
  });
  if (conditions.length === 0) return null;
  return conditions.length === 1 ? conditions[0]! : { operator: "AND", conditions };
}

function one(term: Term): Filter {
  const { key, value } = term;
  if (kTextKeys.has(key)) return { [key]: value };
  if (key === "has" && value === "attachment") return { hasAttachment: true };
  if (key === "is" && value === "unread") return { notKeyword: "$seen" };
  if (key === "is" && value === "read") return { hasKeyword: "$seen" };
  if (key === "is" && (value === "starred" || value === "flagged")) return { hasKeyword: "$flagged" };
  if ((key === "before" || key === "after") && /^\d{4}-\d{2}-\d{2}$/.test(value)) return { [key]: `${value}T00:00:00Z` };
  const words = key === "" ? value : `${key}:${value}`;
  return { operator: "OR", conditions: [{ text: words }, { body: words }] };
}
