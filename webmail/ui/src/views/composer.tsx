// The window for writing. On a desk it stands in the corner and leaves the mail readable; on a phone it is the page.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { t, language } from "../i18n/index";
import { isPlausible } from "../mail/addresses";
import { clock, fileSize } from "../mail/dates";
import { attach, bringUp, close, detach, discard, drafts, send } from "../state/compose";
import { why } from "../state/errors";
import type { Draft } from "../state/draft";
import { AddressField } from "./addressfield";
import { Icon } from "./icons";
import { IconButton, Spinner } from "./parts";
import { phone } from "./uistate";

function statusText(draft: Draft): string {
  switch (draft.status.value) {
    case "saving": return t("compose.saving");
    case "sending": return t("compose.sending");
    case "failed": return t("compose.keptHere");
    case "dirty": return "";
    default: return draft.savedAt.value ? t("compose.savedAt", { time: clock(draft.savedAt.value, language.value) }) : "";
  }
}

/** What keeps it from being sent, in words; empty when nothing does. */
function obstacle(draft: Draft): string {
  const everyone = [...draft.to.value, ...draft.cc.value, ...draft.bcc.value];
  if (everyone.length === 0) return t("compose.noRecipient");
  const bad = everyone.find((a) => !isPlausible(a.email));
  if (bad) return t("compose.badAddress", { address: bad.email });
  if (draft.uploading) return t("compose.uploading");
  if (draft.attachments.value.some((a) => a.failed)) return t("compose.badAttachment");
  return "";
}

/** What a person may have overlooked: asked once. */
function doubt(draft: Draft): string {
  if (draft.subject.value.trim() === "") return t("compose.askSubject");
  return forgotten(draft) ? t("compose.askAttachment") : "";
}

/** The words promise an attachment and there is none. */
function forgotten(draft: Draft): boolean {
  const own = draft.body.value.split("\n").filter((line) => !line.startsWith(">")).join("\n");
  return draft.attachments.value.length === 0 && /\b(attached|attachment|enclosed)\b|添付/i.test(own) && !/^-{5,}/m.test(own);
}

function AttachmentList({ draft }: { draft: Draft }) {
  if (draft.attachments.value.length === 0) return null;
  return (
    <ul class="outgoing" aria-label={t("attach.title")}>
      {draft.attachments.value.map((a) => (
        <li key={a.key} class={a.failed ? "failed" : ""}>
          <Icon name={a.failed ? "alert" : "attach"} />
          <span class="tilename">{a.name || t("attach.unnamed")}</span>
          <span class="tilesize">{a.failed ?? fileSize(a.size, language.value)}</span>
          {a.blobId === null && !a.failed && <progress max={Math.max(1, a.size)} value={a.sent} aria-label={t("attach.progress", { name: a.name })} />}
          <IconButton icon="close" label={t("attach.remove", { name: a.name })} onClick={() => detach(draft, a.key)} />
        </li>
      ))}
    </ul>
  );
}

function Composer({ draft }: { draft: Draft }) {
  const body = useRef<HTMLTextAreaElement>(null);
  const files = useRef<HTMLInputElement>(null);
  const [more, setMore] = useState(draft.cc.value.length + draft.bcc.value.length > 0);
  const [tall, setTall] = useState(false);
  const [over, setOver] = useState(false);
  const [tried, setTried] = useState(false);
  const [asked, setAsked] = useState("");
  const title = draft.subject.value.trim() || t("compose.new");
  const reply = draft.original !== null && draft.to.value.length > 0;
  const sending = draft.status.value === "sending";
  const changed = () => draft.touch();

  useLayoutEffect(() => {
    if (!reply) return;
    body.current?.focus();
    body.current?.setSelectionRange(0, 0);
    if (body.current) body.current.scrollTop = 0;
  }, []);

  const trySend = async () => {
    if (sending) return;
    setTried(true);
    if (obstacle(draft) !== "") return;
    const question = doubt(draft);
    if (question !== asked) return setAsked(question);
    await send(draft);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
      event.preventDefault();
      // What is still being typed in an address field counts.
      (document.activeElement as HTMLElement | null)?.blur();
      setTimeout(() => void trySend(), 0);
    } else if (event.key === "Escape" && !event.isComposing) {
      event.stopPropagation();
      void close(draft);
    }
  };
  const take = (list: FileList | null | undefined) => list && list.length > 0 && attach(draft, list);
  const failure = !sending && draft.problem.value !== null ? t("compose.notSent", { why: why(draft.problem.value) }) : "";
  const question = asked !== "" && asked === doubt(draft) ? asked : "";
  const problem = (tried ? obstacle(draft) : "") || question || failure;
  return (
    <section class={`composer${tall ? " tall" : ""}${over ? " over" : ""}`} role="dialog" aria-label={title} onKeyDown={onKeyDown}
      onDragOver={(event) => { if (event.dataTransfer?.types.includes("Files")) { event.preventDefault(); setOver(true); } }}
      onDragLeave={(event) => { if (event.target === event.currentTarget) setOver(false); }}
      onDrop={(event) => { if (event.dataTransfer?.files.length) { event.preventDefault(); setOver(false); take(event.dataTransfer.files); } }}>
      <div class="composehead">
        <h2>{title}</h2>
        <span class="savestate" aria-live="polite">{statusText(draft)}</span>
        {!phone.value && <IconButton icon="minus" label={t("action.minimise")} onClick={() => { draft.minimised.value = true; }} />}
        {!phone.value && <IconButton icon="expand" label={t("action.enlarge")} pressed={tall} onClick={() => setTall(!tall)} />}
        <IconButton icon="close" label={t("compose.close")} shortcut="Esc" onClick={() => void close(draft)} />
      </div>
      <form onSubmit={(event) => { event.preventDefault(); void trySend(); }} inert={sending}>
        <div class="fieldrow">
          <AddressField label={t("header.to")} name="to" value={draft.to} onChange={changed} autofocus={!reply} />
          {!more && <button type="button" class="textbutton" onClick={() => setMore(true)}>{t("compose.ccBcc")}</button>}
        </div>
        {more && <AddressField label={t("header.cc")} name="cc" value={draft.cc} onChange={changed} />}
        {more && <AddressField label={t("header.bcc")} name="bcc" value={draft.bcc} onChange={changed} />}
        <div class="field">
          <label for={`subject-${draft.key}`}>{t("header.subject")}</label>
          <input id={`subject-${draft.key}`} name="subject" type="text" value={draft.subject.value} maxLength={900} autocomplete="off"
            onInput={(event) => { draft.subject.value = event.currentTarget.value; changed(); }} />
        </div>
        <textarea ref={body} name="body" aria-label={t("compose.body")} value={draft.body.value} dir="auto"
          onInput={(event) => { draft.body.value = event.currentTarget.value; changed(); }}
          onPaste={(event) => { if (event.clipboardData?.files.length) { event.preventDefault(); take(event.clipboardData.files); } }} />
        <AttachmentList draft={draft} />
        {problem && <p class="problem" role="alert"><Icon name="alert" />{problem}</p>}
        <footer>
          <button type="submit" class="primary sendbutton" disabled={sending} title="Ctrl+Enter">
            {sending ? <Spinner label={t("compose.sending")} /> : <Icon name="sent" />}
            {sending ? t("compose.sending") : problem && problem === question ? t("compose.sendAnyway") : t("action.send")}
          </button>
          <IconButton icon="attach" label={t("attach.add")} onClick={() => files.current?.click()} />
          <input ref={files} type="file" multiple hidden aria-hidden="true" tabIndex={-1}
            onChange={(event) => { take(event.currentTarget.files); event.currentTarget.value = ""; }} />
          <span class="grow" />
          <IconButton icon="trash" label={t("compose.discard")} onClick={() => void discard(draft)} />
        </footer>
      </form>
      {over && <div class="dropnote" aria-hidden="true"><Icon name="attach" />{t("attach.drop")}</div>}
    </section>
  );
}

/** All windows: one in front, the others as tabs at the foot of the page. */
export function Composers() {
  const open = drafts.value.find((d) => !d.minimised.value);
  const waiting = drafts.value.filter((d) => d.minimised.value);
  if (drafts.value.length === 0) return null;
  return (
    <div class="composers">
      {waiting.length > 0 && (
        <ul class="waiting" aria-label={t("compose.open")}>
          {waiting.map((draft) => (
            <li key={draft.key}>
              <button type="button" onClick={() => bringUp(draft)}><Icon name="pen" /><span>{draft.subject.value.trim() || t("compose.new")}</span></button>
              <IconButton icon="close" label={t("compose.close")} onClick={() => void close(draft)} />
            </li>
          ))}
        </ul>
      )}
      {open && <Composer key={open.key} draft={open} />}
    </div>
  );
}
