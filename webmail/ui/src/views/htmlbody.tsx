// An HTML body. Three walls stand between it and the user: the server's filter, the document's own Content-Security-Policy, and
// this frame's sandbox. No script can run in it (no allow-scripts); same-origin only lets us measure it and colour its links.
// Remote images stay away until they are asked for: their addresses wait in data-genkan-src.

import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n/index";
import type { Email } from "../api/types";
import { composeMailto } from "../state/compose";
import { jmap } from "../state/session";
import { Icon } from "./icons";

const kSandbox = "allow-same-origin allow-popups allow-popups-to-escape-sandbox";
const kMaxHeight = 60_000;
/** The server cuts a body above this size. */
const kServerLimit = 2 * 1024 * 1024;

/** Links of a mail lead out of the frame; mailto: leads into our own composer. */
function adoptLinks(doc: Document): void {
  doc.addEventListener("click", (event) => {
    const link = (event.target as Element | null)?.closest?.("a[href]");
    const href = link?.getAttribute("href") ?? "";
    if (!/^mailto:/i.test(href)) return;
    event.preventDefault();
    composeMailto(href);
  });
  // Keys that are pressed inside the frame mean the same as outside.
  doc.addEventListener("keydown", (event) => {
    const copy = new KeyboardEvent("keydown", { key: event.key, shiftKey: event.shiftKey, ctrlKey: event.ctrlKey, metaKey: event.metaKey, altKey: event.altKey, bubbles: true, cancelable: true });
    if (!document.body.dispatchEvent(copy)) event.preventDefault();
  });
}

/** A mail made for a wider page is shrunk to the width that there is, down to half; below that it scrolls. */
function fit(doc: Document, width: number): number {
  const style = doc.documentElement.style;
  style.setProperty("zoom", "1");
  const wanted = doc.documentElement.scrollWidth;
  const zoom = width > 0 && wanted > width + 1 ? Math.max(0.5, width / wanted) : 1;
  style.setProperty("zoom", String(zoom));
  return zoom;
}

export function HtmlBody({ email, size }: { email: Email; size: number }) {
  const frame = useRef<HTMLIFrameElement>(null);
  const [images, setImages] = useState(false);
  const [blocked, setBlocked] = useState(0);
  const [height, setHeight] = useState(160);
  const [ready, setReady] = useState(false);
  const url = jmap().bodyUrl(email.id, images);

  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    let observer: ResizeObserver | undefined;
    const loaded = () => {
      const doc = element.contentDocument;
      if (!doc?.body || doc.URL === "about:blank") return;
      const measure = () => {
        const zoom = fit(doc, element.clientWidth);
        // Content that sticks out of its box (floats) counts too; in quirks mode that figure would be the frame's own height.
        const sticking = doc.compatMode === "CSS1Compat" ? doc.body.scrollHeight * zoom : 0;
        setHeight(Math.min(kMaxHeight, Math.max(40, Math.ceil(doc.documentElement.getBoundingClientRect().height), Math.ceil(sticking))));
      };
      observer?.disconnect();
      observer = new ResizeObserver(measure);
      observer.observe(doc.body);
      measure();
      setBlocked(doc.querySelectorAll("[data-genkan-src]").length);
      adoptLinks(doc);
      setReady(true);
    };
    element.addEventListener("load", loaded);
    return () => {
      observer?.disconnect();
      element.removeEventListener("load", loaded);
    };
  }, [url]);

  return (
    <div class="htmlbody">
      {blocked > 0 && (
        <div class="imagebar" role="note">
          <Icon name="image" />
          <span>{images ? t("images.refused") : t("images.blocked", { count: blocked })}</span>
          {!images && <button type="button" class="secondary" onClick={() => { setReady(false); setImages(true); }}>{t("images.show")}</button>}
        </div>
      )}
      <div class={ready ? "paper" : "paper waiting"}>
        <iframe key={url} ref={frame} src={url} sandbox={kSandbox} referrerpolicy="no-referrer" title={t("reader.bodyOf", { subject: email.subject ?? "" })}
          style={{ height: `${height}px` }} scrolling={height >= kMaxHeight ? "yes" : "auto"} />
      </div>
      {size > kServerLimit && <p class="cutnote">{t("reader.cut")}</p>}
    </div>
  );
}
