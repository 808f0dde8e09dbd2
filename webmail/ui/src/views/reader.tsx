// The reading pane: a conversation as a stack of messages, with its commands above and the answer below.

import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n/index";
import { forward, reply } from "../state/compose";
import { why } from "../state/errors";
import { rows, view } from "../state/list";
import { mark } from "../state/actions";
import { closeMessage, go, route } from "../state/router";
import { expanded, headOf, openId, openThread, thread, threadError, threadStatus, visibleThread } from "../state/thread";
import { MessageCard } from "./message";
import { archiveSubject, headsFor, markSubject, moving, phone, removeSubject, starSubject } from "./uistate";
import { Icon } from "./icons";
import { IconButton, MenuButton } from "./parts";

/** Position in the list, to step to the neighbours. */
function neighbours(): { previous: string | undefined; next: string | undefined } {
  const at = rows.value.indexOf(openId.value ?? undefined);
  return at < 0 ? { previous: undefined, next: undefined } : { previous: rows.value[at - 1], next: rows.value[at + 1] };
}

function Toolbar() {
  const id = openId.value!;
  const heads = headsFor([id]);
  const starred = heads.some((h) => h.keywords["$flagged"]);
  const { previous, next } = neighbours();
  const step = (to: string | undefined) => to !== undefined && go({ email: to }, "replace");
  const last = visibleThread.value[visibleThread.value.length - 1];
  return (
    <div class="readerbar" role="toolbar" aria-label={t("reader.commands")}>
      <IconButton icon="back" class="back" label={t("action.back")} shortcut="u" onClick={closeMessage} />
      <IconButton icon="archive" label={t("action.archive")} shortcut="e" onClick={() => archiveSubject([id])} />
      <IconButton icon="trash" label={t("action.delete")} shortcut="#" onClick={() => removeSubject([id])} />
      <IconButton icon="unread" label={t("action.unread")} shortcut="U" onClick={() => markSubject(false, [id])} />
      <IconButton icon="move" label={t("action.move")} shortcut="v" onClick={() => { moving.value = [id]; }} />
      <IconButton icon="star" label={t("action.star")} shortcut="s" pressed={starred} filled={starred} class="starred" onClick={() => starSubject([id])} />
      <span class="grow" />
      {!phone.value && <IconButton icon="up" label={t("reader.previous")} shortcut="k" disabled={previous === undefined} onClick={() => step(previous)} />}
      {!phone.value && <IconButton icon="down" label={t("reader.next")} shortcut="j" disabled={next === undefined} onClick={() => step(next)} />}
      {phone.value && last && (
        <MenuButton icon="more" label={t("action.more")} items={[
          { label: t("action.reply"), icon: "reply", run: () => reply(last, false) },
          { label: t("action.replyAll"), icon: "replyAll", run: () => reply(last, true) },
          { label: t("action.forward"), icon: "forward", run: () => forward(last) },
        ]} />
      )}
    </div>
  );
}

function AnswerBar() {
  const kept = visibleThread.value.filter((e) => !e.keywords["$draft"]);
  const last = kept[kept.length - 1];
  if (!last) return null;
  const many = (last.to?.length ?? 0) + (last.cc?.length ?? 0) > 1;
  return (
    <div class="answerbar">
      <button type="button" class="secondary" onClick={() => reply(last, false)}><Icon name="reply" />{t("action.reply")}</button>
      {many && <button type="button" class="secondary" onClick={() => reply(last, true)}><Icon name="replyAll" />{t("action.replyAll")}</button>}
      <button type="button" class="secondary" onClick={() => forward(last)}><Icon name="forward" />{t("action.forward")}</button>
    </div>
  );
}

/** An opened message counts as read once its text is on the screen. */
function useMarkRead(): void {
  const unread = thread.value.filter((e) => expanded.value.has(e.id) && !e.keywords["$seen"]);
  const key = unread.map((e) => e.id).join();
  const done = useRef(new Set<string>());
  useEffect(() => {
    const fresh = unread.filter((e) => !done.current.has(e.id));
    if (fresh.length === 0 || document.visibilityState !== "visible") return;
    for (const e of fresh) done.current.add(e.id);
    void mark(fresh.map(headOf), "$seen", true);
  }, [key]);
  useEffect(() => {
    done.current = new Set();
  }, [openId.value]);
}

export function Reader() {
  const id = route.value.email;
  const title = useRef<HTMLHeadingElement>(null);
  const box = useRef<HTMLDivElement>(null);
  useMarkRead();
  useEffect(() => {
    if (id) void openThread(id);
  }, [id, view.value?.key]);
  const status = threadStatus.value;
  useEffect(() => {
    if (status !== "ready") return;
    if (phone.value) title.current?.focus({ preventScroll: true });
    const first = visibleThread.peek().findIndex((e) => expanded.peek().has(e.id));
    if (first > 1) box.current?.querySelectorAll(".message")[first]?.scrollIntoView({ block: "nearest" });
    else if (box.current) box.current.scrollTop = 0;
  }, [id, status]);

  if (!id) {
    return <section class="reader idle" aria-label={t("reader.title")}><div class="empty"><Icon name="read" /><p>{t("reader.none")}</p><p class="hint">{t("reader.hint")}</p></div></section>;
  }
  const emails = visibleThread.value;
  const Title = phone.value ? "h1" : "h2";
  const subject = emails[0]?.subject?.trim() || (emails.length > 0 ? t("list.noSubject") : "");
  return (
    <section class="reader" aria-label={t("reader.title")}>
      {openId.value && <Toolbar />}
      <div class="readerscroll" ref={box} tabIndex={0} aria-busy={status === "loading"}>
        {status === "loading" && <div class="skeletonmessage" aria-hidden="true"><b /><i /><i /><i /></div>}
        {status === "missing" && <div class="empty"><Icon name="file" /><p>{t("reader.gone")}</p></div>}
        {status === "failed" && (
          <div class="empty" role="alert"><Icon name="alert" /><p>{t("error.open", { why: why(threadError.value) })}</p>
            <button type="button" class="secondary" onClick={() => void openThread(id)}>{t("action.retry")}</button></div>
        )}
        {status === "ready" && (
          <article class="conversation">
            <Title ref={title} tabIndex={-1} class="conversationtitle">{subject}</Title>
            {emails.map((email) => <MessageCard key={email.id} email={email} alone={emails.length === 1} />)}
            <AnswerBar />
          </article>
        )}
      </div>
    </section>
  );
}
