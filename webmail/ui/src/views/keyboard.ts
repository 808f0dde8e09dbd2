// Single keys, as in other mail programs. They rest while one types, while a dialogue is open, and with Ctrl, Alt or Meta held.

import { compose, forward, reply } from "../state/compose";
import { clearSelection, rows, cursor, selected, toggleSelected } from "../state/list";
import { closeMessage, go, route } from "../state/router";
import { authState } from "../state/session";
import { visibleThread } from "../state/thread";
import { archiveSubject, destroying, drawerOpen, folderDialog, helpOpen, markSubject, moveCursor, moving, openCursor, removeSubject, starSubject, subject } from "./uistate";

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable], dialog, [role=dialog], [role=menu]") !== null;
}

const newest = () => [...visibleThread.value].reverse().find((e) => !e.keywords["$draft"]);

function answer(how: "reply" | "replyAll" | "forward"): void {
  const email = route.value.email ? newest() : undefined;
  if (!email) return;
  if (how === "forward") forward(email);
  else reply(email, how === "replyAll");
}

function escape(): void {
  if (drawerOpen.value) drawerOpen.value = false;
  else if (selected.value.size > 0) clearSelection();
  else closeMessage();
}

const kCommands: Record<string, () => void> = {
  j: () => moveCursor(1), k: () => moveCursor(-1), ArrowDown: () => moveCursor(1), ArrowUp: () => moveCursor(-1),
  o: openCursor, u: closeMessage, Escape: escape,
  x: () => { const id = rows.value[cursor.value]; if (id !== undefined) toggleSelected(id); },
  c: () => void compose(), r: () => answer("reply"), a: () => answer("replyAll"), f: () => answer("forward"),
  e: () => archiveSubject(), "#": () => removeSubject(), Delete: () => removeSubject(), s: () => starSubject(),
  v: () => { const ids = subject(); if (ids.length > 0) moving.value = ids; },
  U: () => markSubject(false), I: () => markSubject(true),
  "?": () => { helpOpen.value = true; },
  "/": () => document.getElementById("search")?.focus(),
};

const kPlaces: Record<string, string> = { i: "inbox", s: "sent", d: "drafts", a: "archive", t: "trash" };

export function startKeyboard(): void {
  let goPending = 0;
  document.addEventListener("keydown", (event) => {
    if (authState.value !== "in" || event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target) || moving.value || destroying.value || folderDialog.value || helpOpen.value) return;
    const place = kPlaces[event.key];
    if (Date.now() - goPending < 1200 && place) {
      goPending = 0;
      event.preventDefault();
      return go({ folder: place, query: null, email: null });
    }
    if (event.key === "g") {
      goPending = Date.now();
      return;
    }
    const focused = event.target instanceof HTMLElement ? event.target : null;
    if (event.key.startsWith("Arrow") && focused?.closest(".readerscroll")) return;  // scrolls the message
    if (event.key === "Enter" && !focused?.closest("a, button")) {
      event.preventDefault();
      return openCursor();
    }
    const command = kCommands[event.key];
    if (!command) return;
    event.preventDefault();
    command();
  });
}
