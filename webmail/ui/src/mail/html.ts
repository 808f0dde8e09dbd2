// HTML as text, for quoting. The document is parsed inertly: nothing in it runs or is fetched.

const kBlocks = new Set(["ADDRESS", "ARTICLE", "BLOCKQUOTE", "CENTER", "DIV", "DL", "DT", "DD", "FIGURE", "FOOTER", "FORM", "H1", "H2", "H3", "H4",
  "H5", "H6", "HEADER", "HR", "LI", "MAIN", "OL", "P", "PRE", "SECTION", "TABLE", "TR", "UL"]);
const kSpaced = new Set(["P", "BLOCKQUOTE", "H1", "H2", "H3", "H4", "UL", "OL", "PRE", "TABLE"]);
const kSkipped = new Set(["SCRIPT", "STYLE", "HEAD", "TITLE", "TEMPLATE", "NOSCRIPT", "IFRAME", "OBJECT", "SVG", "MATH"]);
const kMaxInput = 1024 * 1024;
const kMaxDepth = 200;

export function htmlToText(html: string): string {
  const doc = new DOMParser().parseFromString(html.slice(0, kMaxInput), "text/html");
  const out = new Writer();
  walk(doc.body, out, 0, 0, false);
  return out.finish();
}

class Writer {
  private text = "";
  private wanted = 0;
  private space = false;
  private prefix = "";

  /** At least `lines` line ends before the next word. */
  block(lines: number): void {
    this.wanted = Math.max(this.wanted, lines);
    this.space = false;
  }
  quote(depth: number): void {
    this.prefix = ">".repeat(depth) + (depth > 0 ? " " : "");
  }
  lineEnd(): void {
    this.text += `\n${this.prefix}`;
    this.space = false;
  }
  words(text: string, pre: boolean): void {
    const pieces = pre ? text.replace(/\r\n?/g, "\n").split("\n").join(`\n${this.prefix}`) : text.replace(/[\s\u00a0]+/g, " ");
    if (pieces.trim() === "" && !pre) {
      this.space = this.space || pieces !== "";
      return;
    }
    if (this.wanted > 0 && this.text !== "") this.text += `\n${this.prefix}`.repeat(this.wanted);
    else if (this.text === "") this.text = this.prefix;
    else if (this.space && !pieces.startsWith(" ")) this.text += " ";
    this.text += this.wanted > 0 || this.text === this.prefix ? pieces.replace(/^ /, "") : pieces;
    this.wanted = 0;
    this.space = false;
    if (pieces.endsWith(" ") && !pre) {
      this.text = this.text.slice(0, -1);
      this.space = true;
    }
  }
  finish(): string {
    return this.text.replace(/[ \t]+$/gm, "").replace(/\n{3,}/g, "\n\n").trim();
  }
}

function walk(node: Node, out: Writer, quotes: number, depth: number, pre: boolean): void {
  if (depth > kMaxDepth) return;
  for (const child of node.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) {
      out.words(child.textContent ?? "", pre);
    } else if (child instanceof Element) {
      element(child, out, quotes, depth, pre);
    }
  }
}

function element(el: Element, out: Writer, quotes: number, depth: number, pre: boolean): void {
  const tag = el.tagName.toUpperCase();
  if (kSkipped.has(tag)) return;
  if (tag === "BR") return out.lineEnd();
  if (tag === "IMG") return out.words(el.getAttribute("alt") ?? "", false);
  const block = kBlocks.has(tag);
  const lines = kSpaced.has(tag) ? 2 : 1;
  if (block) out.block(lines);
  if (tag === "BLOCKQUOTE") out.quote(quotes + 1);
  if (tag === "LI") out.words("- ", false);
  if (tag === "TD" || tag === "TH") out.words(" ", false);
  walk(el, out, quotes + (tag === "BLOCKQUOTE" ? 1 : 0), depth + 1, pre || tag === "PRE");
  if (tag === "BLOCKQUOTE") out.quote(quotes);
  if (block) out.block(lines);
}
