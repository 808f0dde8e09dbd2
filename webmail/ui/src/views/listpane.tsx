// The message list: only the rows in view exist, so that a mailbox of a hundred thousand scrolls like one of ten.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { t, language } from "../i18n/index";
import type { Id } from "../api/types";
import { visibleRows } from "../mail/pages";
import { why } from "../state/errors";
import { clearSelection, cursor, head, listError, refreshList, rows, selected, setShown, total, view } from "../state/list";
import { observe } from "../state/contacts";
import { destroyFolder } from "../state/folders";
import { findFolder, folderName } from "../state/mailboxes";
import { route } from "../state/router";
import { SearchBox } from "./searchbox";
import { Row, RowPlaceholder } from "./row";
import { archiveSubject, cursorShown, drawerOpen, folderDialog, markSubject, moving, phone, removeSubject, subject } from "./uistate";
import { Icon } from "./icons";
import { IconButton, MenuButton } from "./parts";

function rowHeight(): number {
  return phone.value ? 84 : 78;
}

function SelectionBar() {
  const count = selected.value.size;
  const anyUnread = [...selected.value].some((id) => !head(id)?.keywords["$seen"]);
  const all = () => {
    selected.value = new Set(rows.value.filter((id): id is Id => id !== undefined));
  };
  return (
    <div class="listhead selection" role="toolbar" aria-label={t("list.selection")}>
      <IconButton icon="close" label={t("list.clear")} shortcut="Esc" onClick={clearSelection} />
      <strong aria-live="polite">{t("list.selected", { count })}</strong>
      <IconButton icon="select" label={t("list.selectAll")} onClick={all} />
      <IconButton icon="archive" label={t("action.archive")} shortcut="e" onClick={() => archiveSubject()} />
      <IconButton icon="trash" label={t("action.delete")} shortcut="#" onClick={() => removeSubject()} />
      <IconButton icon="move" label={t("action.move")} shortcut="v" onClick={() => { moving.value = subject(); }} />
      <IconButton icon={anyUnread ? "read" : "unread"} label={t(anyUnread ? "action.read" : "action.unread")} onClick={() => markSubject(anyUnread)} />
    </div>
  );
}

function Heading() {
  const folder = findFolder(route.value.folder);
  const query = route.value.query;
  const count = total.value;
  const unread = folder?.unreadEmails ?? 0;
  return (
    <div class="listhead">
      {phone.value && <IconButton icon="menu" label={t("folder.all")} expanded={drawerOpen.value} onClick={() => { drawerOpen.value = true; }} />}
      <h1>{query !== null ? t("search.results") : folder ? folderName(folder) : ""}</h1>
      <span class="tally" aria-live="polite">
        {query !== null ? (count === null ? t("search.running") : t("search.found", { count })) : unread > 0 ? t("folder.unread", { count: unread }) : ""}
      </span>
      {query === null && folder && !folder.role && (
        <MenuButton icon="more" label={t("folder.actions")} items={[
          { label: t("folder.rename"), icon: "pen", run: () => { folderDialog.value = { rename: folder }; } },
          { label: t("folder.delete"), icon: "trash", danger: true, run: () => void destroyFolder(folder) },
        ]} />
      )}
    </div>
  );
}

function Empty() {
  if (listError.value !== null && total.value === null) {
    return (
      <div class="empty" role="alert">
        <Icon name="alert" /><p>{t("error.list", { why: why(listError.value) })}</p>
        <button type="button" class="secondary" onClick={() => void refreshList()}>{t("action.retry")}</button>
      </div>
    );
  }
  if (total.value !== 0) return null;
  const role = findFolder(route.value.folder)?.role;
  const search = route.value.query !== null;
  return (
    <div class="empty">
      <Icon name={search ? "search" : role ?? "folder"} />
      <p>{t(search ? "search.none" : role === "inbox" ? "list.inboxEmpty" : "list.empty")}</p>
      {search && <p class="hint">{t("search.hint")}</p>}
    </div>
  );
}

export function ListPane() {
  const box = useRef<HTMLDivElement>(null);
  const anchor = useRef<{ id: Id; index: number } | null>(null);
  const [scroll, setScroll] = useState({ top: 0, height: 800 });
  const height = rowHeight();
  const count = total.value ?? 0;
  const window = visibleRows(scroll.top, scroll.height, height, count);

  useEffect(() => setShown({ first: window.first, last: Math.max(window.last, 1) }), [window.first, window.last, view.value?.key]);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const measure = () => setScroll({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener("scroll", measure, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", measure);
    };
  }, []);

  useLayoutEffect(() => {
    if (box.current) box.current.scrollTop = 0;
    anchor.current = null;
  }, [view.value?.key]);

  // New mail above the rows that are being read pushes them down: scroll by as much, so that they stay where they are.
  useLayoutEffect(() => {
    const element = box.current;
    const old = anchor.current;
    const first = Math.ceil(scroll.top / height);
    if (element && old && scroll.top > height && rows.value[old.index] !== old.id) {
      const now = rows.value.indexOf(old.id);
      if (now >= 0 && Math.abs(now - old.index) < 40) element.scrollTop += (now - old.index) * height;
    }
    const id = rows.value[first];
    anchor.current = id === undefined ? null : { id, index: first };
  }, [rows.value, scroll.top, height]);

  // The cursor stays in view.
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || !cursorShown.value) return;
    const top = cursor.value * height;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + height > element.scrollTop + element.clientHeight) element.scrollTop = top + height - element.clientHeight;
  }, [cursor.value, cursorShown.value, height]);

  const drawn = [];
  for (let i = window.first; i < window.last; i++) {
    const id = rows.value[i];
    observe(head(id)?.from);
    drawn.push(id === undefined ? <RowPlaceholder key={`p${i}`} top={i * height} /> : <Row key={id} id={id} index={i} total={count} top={i * height} />);
  }
  const loading = total.value === null && listError.value === null;
  return (
    <section class="listpane" aria-label={t("list.title")} aria-busy={loading}>
      <SearchBox />
      {selected.value.size > 0 ? <SelectionBar /> : <Heading />}
      <div class="scroller" id="messages" ref={box} tabIndex={-1}>
        <Empty />
        <ul class="rows" lang={language.value} style={{ height: `${count * height}px`, "--row": `${height}px` }}>
          {loading ? [0, 1, 2, 3, 4, 5].map((i) => <RowPlaceholder key={i} top={i * height} />) : drawn}
        </ul>
      </div>
    </section>
  );
}
