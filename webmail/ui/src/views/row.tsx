// One row of the list: who, what, when; a picture that turns into a checkbox; star and quick commands.

import type { Address, Head, Id } from "../api/types";
import { t, language } from "../i18n/index";
import { sameEmail, shown } from "../mail/addresses";
import { distinct } from "../mail/distinct";
import { longDate, shortDate } from "../mail/dates";
import { cursor, head, rowMembers, rowTargets, selected, selectRange, toggleSelected, view } from "../state/list";
import { byRole, folderName, mailboxes } from "../state/mailboxes";
import { formatRoute, go, route } from "../state/router";
import { openDraftById } from "../state/opendraft";
import { identities } from "../state/session";
import { archiveSubject, cursorShown, dragged, markSubject, removeSubject, starSubject } from "./uistate";
import { Icon } from "./icons";
import { Avatar, IconButton } from "./parts";

const isMe = (address: Address) => identities.value.some((i) => sameEmail(i.email, address.email));

/** Who stands in front: the writers of a conversation, in Sent and Drafts those it goes to. */
function people(id: Id, own: Head): { text: string; face: Address | undefined } {
  const role = mailboxes.value.find((m) => m.id === view.value?.mailboxId)?.role;
  if (role === "sent" || role === "drafts" || (own.keywords["$draft"] && view.value?.mailboxId === null)) {
    const names = (own.to ?? []).map(shown).join(", ");
    return { text: names ? t("list.to", { names }) : t("list.noRecipient"), face: own.to?.[0] };
  }
  const members = rowMembers(id);
  const writers = new Map<string, string>();
  for (const member of members) {
    const writer = member.from?.[0];
    if (writer) writers.set(writer.email.toLowerCase(), isMe(writer) ? t("list.me") : shown(writer));
  }
  const names = [...writers.values()];
  const others = members.map((m) => m.from?.[0]).filter((a): a is Address => a !== undefined && !isMe(a));
  const short = names.length > 1 ? names.map((n) => (/^[\u0000-\u024f]+$/.test(n) && !n.includes("@") ? n.split(" ")[0]! : n)) : names;
  return { text: short.join(", ") || t("list.noSender"), face: others[others.length - 1] ?? own.from?.[0] };
}

export function RowPlaceholder({ top }: { top: number }) {
  return <li class="row placeholder" style={{ transform: `translateY(${top}px)` }} aria-hidden="true"><i /><b /><b /></li>;
}

interface RowProps {
  id: Id;
  index: number;
  total: number;
  top: number;
}

export function Row({ id, index, total, top }: RowProps) {
  const own = head(id);
  if (!own) return <RowPlaceholder top={top} />;
  const targets = rowTargets(id);
  const unread = targets.some((h) => !h.keywords["$seen"]);
  const starred = targets.some((h) => h.keywords["$flagged"]);
  const isSelected = selected.value.has(id);
  const isOpen = route.value.email === id;
  const { text, face } = people(id, own);
  const count = distinct(rowMembers(id)).length;
  const subject = own.subject?.trim() || t("list.noSubject");
  const classes = ["row", unread && "unread", isSelected && "selected", isOpen && "open", cursorShown.value && cursor.value === index && "cursor"];
  const hasAttachment = targets.some((h) => h.hasAttachment);
  const open = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey) return;  // a new tab
    event.preventDefault();
    if (event.shiftKey) return selectRange(id);
    cursor.value = index;
    cursorShown.value = false;
    if (own.keywords["$draft"] && byRole("drafts") && own.mailboxIds[byRole("drafts")!.id]) return void openDraftById(id);
    go({ email: id });
  };
  return (
    <li class={classes.filter(Boolean).join(" ")} style={{ transform: `translateY(${top}px)` }} aria-posinset={index + 1} aria-setsize={total}
      draggable onDragStart={(event) => {
        dragged.value = isSelected ? [...selected.value] : [id];
        event.dataTransfer?.setData("text/plain", subject);
      }} onDragEnd={() => (dragged.value = [])}>
      <button type="button" class="face" role="checkbox" aria-checked={isSelected} aria-label={t("list.select", { subject })}
        onClick={(event) => (event.shiftKey ? selectRange(id) : toggleSelected(id))}>
        <Avatar address={face} />
        <span class="tick"><Icon name="check" /></span>
      </button>
      <a class="main" href={formatRoute({ ...route.value, email: id })} onClick={open} draggable={false} aria-current={isOpen ? "true" : undefined}>
        {unread && <span class="sr">{t("list.unread")}. </span>}
        <span class="line1">
          <span class="people">{text}</span>
          {count > 1 && <span class="count" aria-label={t("list.messages", { count })}>{count}</span>}
          {hasAttachment && <span class="clip" title={t("list.attachment")}><Icon name="attach" /><span class="sr">{t("list.attachment")}</span></span>}
          <time dateTime={own.receivedAt} title={longDate(own.receivedAt, language.value)}>{shortDate(own.receivedAt, language.value)}</time>
        </span>
        <span class="subject">
          {own.keywords["$answered"] && <Icon name="reply" />}
          {view.value?.mailboxId === null && <Places item={own} />}
          {subject}
        </span>
        <span class="preview">{own.preview}</span>
      </a>
      <span class="quick">
        <IconButton icon="archive" label={t("action.archive")} onClick={() => archiveSubject([id])} />
        <IconButton icon="trash" label={t("action.delete")} onClick={() => removeSubject([id])} />
        <IconButton icon={unread ? "read" : "unread"} label={t(unread ? "action.read" : "action.unread")} onClick={() => markSubject(unread, [id])} />
      </span>
      <IconButton class="star" icon="star" filled={starred} pressed={starred} label={t("action.star")} onClick={() => starSubject([id])} />
    </li>
  );
}

/** In search results: where it lies. */
function Places({ item }: { item: Head }) {
  const names = mailboxes.value.filter((m) => item.mailboxIds[m.id]).map(folderName);
  return <span class="place">{names.join(", ")}</span>;
}

