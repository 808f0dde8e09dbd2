// One message of a conversation: folded to a line, or open with its head, body and attachments.

import { useState } from "preact/hooks";
import type { Address, BodyPart, Email } from "../api/types";
import { t, language } from "../i18n/index";
import { formatOne, sameEmail, shown } from "../mail/addresses";
import { fileSize, longDate, shortDate } from "../mail/dates";
import { composeMailto, compose, editDraft, forward, reply } from "../state/compose";
import { mark } from "../state/actions";
import { expanded, headOf, toggleExpanded } from "../state/thread";
import { identities, jmap } from "../state/session";
import { HtmlBody } from "./htmlbody";
import { TextBody } from "./textbody";
import { Icon } from "./icons";
import { Avatar, IconButton, MenuButton } from "./parts";

function People({ list }: { list: Address[] | null }) {
  return (
    <>{(list ?? []).map((address, i) => (
      <span key={i} class="person">
        <button type="button" class="linkbutton" title={t("action.writeTo", { name: address.email })} onClick={() => compose({ to: [address] })}>{formatOne(address)}</button>
      </span>
    ))}</>
  );
}

function Details({ email }: { email: Email }) {
  const rows: [string, Address[] | null][] = [
    [t("header.from"), email.from], [t("header.replyTo"), email.replyTo], [t("header.to"), email.to], [t("header.cc"), email.cc], [t("header.bcc"), email.bcc],
  ];
  return (
    <dl class="details">
      {rows.filter(([, list]) => list?.length).map(([label, list]) => <div key={label}><dt>{label}</dt><dd><People list={list} /></dd></div>)}
      <div><dt>{t("header.date")}</dt><dd>{longDate(email.sentAt ?? email.receivedAt, language.value)}</dd></div>
      <div><dt>{t("header.size")}</dt><dd>{fileSize(email.size, language.value)}</dd></div>
    </dl>
  );
}

function recipients(email: Email): string {
  const all = [...(email.to ?? []), ...(email.cc ?? [])];
  const names = all.map((a) => (identities.value.some((i) => sameEmail(i.email, a.email)) ? t("reader.you") : shown(a)));
  const some = names.slice(0, 3).join(", ");
  return names.length > 3 ? t("reader.toMore", { names: some, count: names.length - 3 }) : names.length > 0 ? t("reader.to", { names: some }) : t("reader.toNobody");
}

const kShowable = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

function AttachmentTile({ part }: { part: BodyPart }) {
  const name = part.name ?? t("attach.unnamed");
  const url = jmap().downloadUrl(part.blobId ?? "", part.type, name);
  const image = kShowable.has(part.type) && part.size < 3_000_000;
  return (
    <li>
      <a class="tile" href={url} download={name} title={t("attach.download", { name })}>
        {image ? <img src={`${url}&inline=1`} alt="" loading="lazy" /> : <span class="filekind" aria-hidden="true"><Icon name="file" /><small>{kindOf(part)}</small></span>}
        <span class="tiletext"><span class="tilename">{name}</span><span class="tilesize">{fileSize(part.size, language.value)}</span></span>
        <Icon name="download" />
      </a>
    </li>
  );
}

function kindOf(part: BodyPart): string {
  const ending = /\.([A-Za-z0-9]{1,4})$/.exec(part.name ?? "")?.[1];
  return (ending ?? part.type.split("/")[1] ?? "").slice(0, 4).toUpperCase();
}

function Attachments({ email }: { email: Email }) {
  const parts = email.attachments.filter((p) => p.blobId !== null && !(p.cid && p.disposition !== "attachment" && p.type.startsWith("image/") && hasHtml(email)));
  if (parts.length === 0) return null;
  const size = parts.reduce((sum, p) => sum + p.size, 0);
  return (
    <section class="attachments" aria-label={t("attach.title")}>
      <h3>{t("attach.count", { count: parts.length })}<span>{fileSize(size, language.value)}</span></h3>
      <ul>{parts.map((part) => <AttachmentTile key={part.blobId} part={part} />)}</ul>
    </section>
  );
}

function hasHtml(email: Email): boolean {
  return email.htmlBody.some((p) => p.type === "text/html");
}

/** Plain text when that is all there is. */
function Body({ email }: { email: Email }) {
  const html = email.htmlBody.find((p) => p.type === "text/html");
  if (html) return <HtmlBody key={email.id} email={email} size={html.size} />;
  return <TextBody email={email} onMail={composeMailto} />;
}

function Folded({ email }: { email: Email }) {
  return (
    <button type="button" class="message folded" aria-expanded={false} onClick={() => toggleExpanded(email.id)}>
      <Avatar address={email.from?.[0]} small />
      <strong>{shown(email.from?.[0]) || t("list.noSender")}</strong>
      <span class="preview">{email.preview}</span>
      {email.hasAttachment && <Icon name="attach" />}
      <time dateTime={email.receivedAt}>{shortDate(email.receivedAt, language.value)}</time>
    </button>
  );
}

export function MessageCard({ email, alone }: { email: Email; alone: boolean }) {
  const [details, setDetails] = useState(false);
  if (!expanded.value.has(email.id)) return <Folded email={email} />;
  const from = email.from?.[0];
  const draft = Boolean(email.keywords["$draft"]);
  const starred = Boolean(email.keywords["$flagged"]);
  const source = jmap().downloadUrl(email.blobId, "message/rfc822", `${(email.subject ?? "message").slice(0, 60)}.eml`);
  return (
    <section class={draft ? "message draft" : "message"} aria-label={t("reader.from", { name: shown(from) })}>
      <header onClick={(event) => { if (!alone && event.target === event.currentTarget) toggleExpanded(email.id); }}>
        <Avatar address={from} />
        <div class="headtext">
          <div class="fromline"><strong>{shown(from) || t("list.noSender")}</strong>{from?.name && <span class="email">{from.email}</span>}</div>
          <button type="button" class="linkbutton recipients" aria-expanded={details} onClick={() => setDetails(!details)}>
            <span>{recipients(email)}</span><Icon name={details ? "up" : "down"} />
          </button>
        </div>
        <time dateTime={email.receivedAt} title={longDate(email.receivedAt, language.value)}>{longDate(email.receivedAt, language.value)}</time>
        <span class="messagetools">
          <IconButton icon="star" class="starred" filled={starred} pressed={starred} label={t("action.star")} onClick={() => void mark([headOf(email)], "$flagged", !starred)} />
          {!draft && <IconButton icon="reply" label={t("action.reply")} shortcut="r" onClick={() => reply(email, false)} />}
          <MenuButton icon="more" label={t("action.more")} items={[
            ...(draft ? [] : [
              { label: t("action.replyAll"), icon: "replyAll", run: () => void reply(email, true) },
              { label: t("action.forward"), icon: "forward", run: () => void forward(email) },
              "line" as const,
            ]),
            { label: t("action.unread"), icon: "unread", run: () => void mark([headOf(email)], "$seen", false) },
            { label: t("action.source"), icon: "download", run: () => location.assign(source) },
            ...(alone ? [] : [{ label: t("action.fold"), icon: "up", run: () => toggleExpanded(email.id) }]),
          ]} />
        </span>
      </header>
      {details && <Details email={email} />}
      {draft && <p class="draftnote"><Icon name="drafts" />{t("reader.draft")}<button type="button" class="secondary" onClick={() => editDraft(email)}>{t("action.edit")}</button></p>}
      <Body email={email} />
      <Attachments email={email} />
    </section>
  );
}
