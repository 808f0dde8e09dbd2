// A plain-text body: links made, older quotations folded, quotation depth shown by a bar.

import { useState } from "preact/hooks";
import { Fragment } from "preact";
import { t } from "../i18n/index";
import type { Email } from "../api/types";
import { depthOf, linkify, plainBody, splitQuoted } from "../mail/text";
import { htmlToText } from "../mail/html";

interface Block {
  depth: number;
  text: string;
}

function blocks(text: string): Block[] {
  const found: Block[] = [];
  for (const line of text.split("\n")) {
    const depth = depthOf(line);
    const bare = depth > 0 ? line.replace(/^(?:>\s?)+/, "") : line;
    const last = found[found.length - 1];
    if (last && last.depth === depth) last.text += `\n${bare}`;
    else found.push({ depth, text: bare });
  }
  return found;
}

function Linked({ text, onMail }: { text: string; onMail: (url: string) => void }) {
  return (
    <>{linkify(text).map((piece, i) => {
      if (piece.href === undefined) return <Fragment key={i}>{piece.text}</Fragment>;
      if (!piece.href.startsWith("mailto:")) return <a key={i} href={piece.href} target="_blank" rel="noopener noreferrer">{piece.text}</a>;
      return <a key={i} href={piece.href} onClick={(event) => { event.preventDefault(); onMail(piece.href!); }}>{piece.text}</a>;
    })}</>
  );
}

function Text({ text, onMail }: { text: string; onMail: (url: string) => void }) {
  return (
    <>{blocks(text).map((block, i) => block.depth === 0
      ? <p key={i}><Linked text={block.text} onMail={onMail} /></p>
      : <blockquote key={i} data-depth={Math.min(block.depth, 4)}><Linked text={block.text} onMail={onMail} /></blockquote>)}</>
  );
}

export function TextBody({ email, onMail }: { email: Email; onMail: (url: string) => void }) {
  const [open, setOpen] = useState(false);
  const text = plainBody(email, htmlToText).trimEnd();
  const { fresh, quoted } = splitQuoted(text);
  const cut = email.textBody.some((p) => p.partId !== null && email.bodyValues[p.partId]?.isTruncated);
  return (
    <div class="textbody" dir="auto">
      {text === "" ? <p class="none">{t("reader.noText")}</p> : <Text text={fresh} onMail={onMail} />}
      {quoted !== "" && (
        <button type="button" class="quotebutton" aria-expanded={open} aria-label={t(open ? "reader.hideQuote" : "reader.showQuote")} title={t(open ? "reader.hideQuote" : "reader.showQuote")}
          onClick={() => setOpen(!open)}>•••</button>
      )}
      {open && <Text text={quoted} onMail={onMail} />}
      {cut && <p class="cutnote">{t("reader.cut")}</p>}
    </div>
  );
}
