// The page when logged in: folders, list and message side by side; on a phone one after the other.

import { useEffect } from "preact/hooks";
import { t } from "../i18n/index";
import { compose, drafts } from "../state/compose";
import { folderView, searchView, show } from "../state/list";
import { byRole, findFolder, folderName, mailboxes } from "../state/mailboxes";
import { go, route } from "../state/router";
import { authState, online } from "../state/session";
import { closeThread } from "../state/thread";
import { announcement, dismiss, toasts } from "../state/toasts";
import { Composers } from "./composer";
import { Dialogs } from "./dialogs";
import { ListPane } from "./listpane";
import { LoginAgain } from "./login";
import { Reader } from "./reader";
import { Sidebar } from "./sidebar";
import { cursorShown, drawerOpen, phone } from "./uistate";
import { Icon } from "./icons";
import { IconButton } from "./parts";

/** The address bar decides what the list shows. */
function useRoute(): void {
  const { folder, query, email } = route.value;
  const ready = mailboxes.value.length > 0;
  useEffect(() => {
    if (!ready) return;
    if (query !== null) {
      const hidden = [byRole("trash"), byRole("junk")].filter((m) => m !== undefined).map((m) => m.id);
      return show(searchView(query, hidden));
    }
    const mailbox = findFolder(folder);
    if (mailbox) show(folderView(mailbox));
    else go({ folder: "inbox", email: null }, "replace");
  }, [folder, query, ready]);
  useEffect(() => {
    if (!email) closeThread();
    cursorShown.value = false;
  }, [email]);
}

function useTitle(): void {
  const folder = findFolder(route.value.folder);
  const unread = byRole("inbox")?.unreadEmails ?? 0;
  const place = route.value.query !== null ? t("search.results") : folder ? folderName(folder) : "";
  document.title = `${unread > 0 ? `(${unread}) ` : ""}${place ? `${place} — ` : ""}Genkan`;
}

function Toasts() {
  return (
    <div class="toasts">
      {toasts.value.map((entry) => (
        <div key={entry.id} class={`toast ${entry.kind}`} role={entry.kind === "error" ? "alert" : "status"}>
          <span>{entry.text}</span>
          {entry.action && <button type="button" onClick={() => { dismiss(entry.id); entry.action!.run(); }}>{entry.action.label}</button>}
          <IconButton icon="close" label={t("action.close")} onClick={() => dismiss(entry.id)} />
        </div>
      ))}
    </div>
  );
}

export function Shell() {
  useRoute();
  useTitle();
  const reading = route.value.email !== null;
  const away = authState.value === "expired";
  return (
    <>
      {(!phone.value || !reading) && <a class="skiplink" href="#messages" onClick={(event) => { event.preventDefault(); document.querySelector<HTMLElement>(".scroller")?.focus(); }}>{t("list.skip")}</a>}
      {!online.value && <div class="offlinebar" role="status"><Icon name="offline" />{t("why.offlineBar")}</div>}
      <div class={`shell${reading ? " reading" : ""}${drawerOpen.value ? " drawer" : ""}`} inert={away}>
        <header class="sidebarbox" inert={phone.value && !drawerOpen.value}><Sidebar /></header>
        {drawerOpen.value && <div class="drawerveil" onClick={() => { drawerOpen.value = false; }} />}
        <main class="panes" inert={phone.value && drawerOpen.value}>
          {(!phone.value || !reading) && <ListPane />}
          {(!phone.value || reading) && <Reader />}
        </main>
        {phone.value && !reading && !drafts.value.some((d) => !d.minimised.value) && (
          <button type="button" class="fab" aria-label={t("action.compose")} onClick={() => compose()}><Icon name="pen" /></button>
        )}
      </div>
      <div inert={away}><Composers /></div>
      <Dialogs />
      <Toasts />
      <div class="sr" aria-live="polite">{announcement.value}</div>
      {away && <LoginAgain />}
    </>
  );
}
