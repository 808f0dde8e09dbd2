// Keeps the screen up to date: the server's event stream (RFC 8620 section 7.3), or asking every half minute where there is none.

import { signal } from "@preact/signals";
import { t } from "../i18n/index";
import type { Head, Id } from "../api/types";
import { shown } from "../mail/addresses";
import { byRole, loadMailboxes } from "./mailboxes";
import { head, refreshList, rows, view } from "./list";
import { refreshThread } from "./thread";
import { authState, jmap, note, online, whenLoggedIn, whenLoggedOut } from "./session";
import { announce } from "./toasts";

const kPollMilliseconds = 30_000;
const kPingSeconds = 30;
const kFirstRetry = 1000;

/** Whether changes arrive by themselves at once. */
export const live = signal(false);

let source: EventSource | null = null;
let pollTimer: ReturnType<typeof setTimeout> | undefined;
let refreshTimer: ReturnType<typeof setTimeout> | undefined;
let retryMilliseconds = kFirstRetry;

export function startLive(): void {
  whenLoggedIn(() => {
    connect();
    schedulePoll();
    void refreshAll();
  });
  whenLoggedOut(disconnect);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && authState.value === "in") void refreshAll();
  });
  window.addEventListener("online", () => {
    if (authState.value === "in") {
      connect();
      void refreshAll();
    }
  });
}

function disconnect(): void {
  source?.close();
  source = null;
  live.value = false;
  clearTimeout(pollTimer);
}

function connect(): void {
  const url = jmap().eventsUrl(kPingSeconds);
  if (!url || source) return;
  const opened = new EventSource(url);
  source = opened;
  opened.onopen = () => {
    live.value = true;
    online.value = true;
    // Changes while nobody told us of them.
    if (retryMilliseconds > kFirstRetry) void refreshAll();
    retryMilliseconds = kFirstRetry;
  };
  opened.addEventListener("state", (event) => onState((event as MessageEvent<string>).data));
  opened.onerror = () => {
    live.value = false;
    if (source === opened) source = null;
    opened.close();
    // The browser's own retry gives up at any HTTP error; a poll tells whether it was the session or the line.
    void refreshAll();
    setTimeout(() => authState.value === "in" && connect(), retryMilliseconds);
    retryMilliseconds = Math.min(60_000, retryMilliseconds * 2);
  };
}

function onState(data: string): void {
  try {
    const change = JSON.parse(data) as { changed?: Record<Id, Record<string, string>> };
    if (!change.changed?.[jmap().accountId]) return;
  } catch {
    return;
  }
  clearTimeout(refreshTimer);
  refreshTimer = setTimeout(() => void refreshAll(), 60);
}

function schedulePoll(): void {
  clearTimeout(pollTimer);
  pollTimer = setTimeout(async () => {
    if (authState.value === "in" && document.visibilityState === "visible" && !live.value) await refreshAll();
    schedulePoll();
  }, kPollMilliseconds);
}

export async function refreshAll(): Promise<void> {
  if (authState.value !== "in") return;
  const newest = newestInInbox();
  try {
    await loadMailboxes();
    await Promise.all([refreshList(), refreshThread()]);
    tellNew(newest);
  } catch (error) {
    note(error);
  }
}

function newestInInbox(): Head | undefined {
  return view.peek()?.mailboxId === byRole("inbox")?.id ? head(rows.peek()[0]) : undefined;
}

function tellNew(before: Head | undefined): void {
  const now = newestInInbox();
  if (!before || !now || now.id === before.id || now.receivedAt < before.receivedAt || now.keywords["$seen"]) return;
  announce(t("live.new", { from: shown(now.from?.[0]), subject: now.subject ?? "" }));
}
