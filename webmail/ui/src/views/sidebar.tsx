// Folders with what is unread in them, the button that everyone looks for, and the account.

import { t, language, languages } from "../i18n/index";
import type { Mailbox } from "../api/types";
import { compose, drafts, forgetDrafts, saveAll } from "../state/compose";
import { folderKey, folderName, folderRows, mailboxes } from "../state/mailboxes";
import { setLanguage, setTheme, theme, type Theme } from "../state/prefs";
import { go, route, formatRoute } from "../state/router";
import { logout, userName } from "../state/session";
import { toast } from "../state/toasts";
import { drawerOpen, dropRowsOn, folderDialog, helpOpen } from "./uistate";
import { Icon, Logo } from "./icons";
import { MenuButton, type MenuItem } from "./parts";

/** What the badge counts: waiting drafts, else what is unread. */
function badge(mailbox: Mailbox): number {
  if (mailbox.role === "drafts") return mailbox.totalEmails;
  if (mailbox.role === "sent" || mailbox.role === "trash") return 0;
  return mailbox.unreadEmails;
}

function FolderLink({ mailbox, depth }: { mailbox: Mailbox; depth: number }) {
  const key = folderKey(mailbox);
  const current = route.value.query === null && (route.value.folder === key || route.value.folder === mailbox.id);
  const count = badge(mailbox);
  const name = folderName(mailbox);
  return (
    <li>
      <a href={formatRoute({ folder: key, query: null, email: null })} class={`folder${current ? " current" : ""}${count > 0 ? " unread" : ""}`}
        aria-current={current ? "page" : undefined} title={name} style={{ "--depth": String(depth) }}
        onClick={(event) => {
          event.preventDefault();
          drawerOpen.value = false;
          go({ folder: key, query: null, email: null });
        }}
        onDragOver={(event) => { event.preventDefault(); event.currentTarget.classList.add("target"); }}
        onDragLeave={(event) => event.currentTarget.classList.remove("target")}
        onDrop={(event) => { event.preventDefault(); event.currentTarget.classList.remove("target"); dropRowsOn(mailbox); }}>
        <Icon name={mailbox.role && mailbox.role !== "all" ? mailbox.role : "folder"} />
        <span class="name">{name}</span>
        {count > 0 && <span class="badge" aria-hidden="true">{new Intl.NumberFormat(language.value).format(count)}</span>}
        {count > 0 && <span class="sr">, {t(mailbox.role === "drafts" ? "folder.count" : "folder.unread", { count })}</span>}
      </a>
    </li>
  );
}

async function leaveAccount(): Promise<void> {
  if (drafts.value.length > 0 && !(await saveAll()) && !confirm(t("logout.unsaved"))) return;
  forgetDrafts();
  drafts.value = [];
  await logout().catch(() => toast(t("why.offline"), { kind: "error" }));
}

function accountItems(): (MenuItem | "line")[] {
  const themes: { value: Theme; icon: string }[] = [{ value: "auto", icon: "auto" }, { value: "light", icon: "sun" }, { value: "dark", icon: "moon" }];
  return [
    ...themes.map(({ value, icon }) => ({ label: t(`theme.${value}`), icon: theme.value === value ? "check" : icon, checked: theme.value === value, run: () => setTheme(value) })),
    "line",
    ...languages.map(({ code, name }) => ({ label: name, checked: language.value === code, run: () => setLanguage(code) })),
    "line",
    { label: t("help.title"), icon: "help", run: () => { helpOpen.value = true; } },
    { label: t("action.logout"), icon: "logout", run: () => void leaveAccount() },
  ];
}

export function Sidebar() {
  return (
    <div class="sidebar">
      <div class="brand"><Logo /><strong>Genkan</strong></div>
      <button type="button" class="primary composebutton" onClick={() => { drawerOpen.value = false; compose(); }} title={`${t("action.compose")} (c)`}>
        <Icon name="pen" />{t("action.compose")}
      </button>
      <nav aria-label={t("folder.all")}>
        <ul class="folders">
          {folderRows.value.map(({ mailbox, depth }) => <FolderLink key={mailbox.id} mailbox={mailbox} depth={depth} />)}
        </ul>
        {mailboxes.value.length > 0 && (
          <button type="button" class="folder newfolder" title={t("folder.new")} onClick={() => { drawerOpen.value = false; folderDialog.value = { rename: null }; }}>
            <Icon name="plus" /><span class="name">{t("folder.new")}</span>
          </button>
        )}
        {mailboxes.value.length === 0 && <div class="skeletonlines" aria-hidden="true"><i /><i /><i /></div>}
      </nav>
      <div class="account">
        <MenuButton icon="more" label={t("settings.title")} items={accountItems()} up
          text={<><span class="who">{userName.value}</span><Icon name="up" /></>} />
      </div>
    </div>
  );
}
