// Dialogues: where to move, really delete, which keys.

import { useEffect, useRef, useState } from "preact/hooks";
import { t, type MessageKey } from "../i18n/index";
import { folderName, folderRows } from "../state/mailboxes";
import { createFolder, kMaxName, renameFolder } from "../state/folders";
import { view } from "../state/list";
import { destroyConfirmed, destroying, folderDialog, helpOpen, moveSubject, moving } from "./uistate";
import { Icon } from "./icons";
import { Dialog } from "./parts";

function MoveDialog() {
  const [text, setText] = useState("");
  const [active, setActive] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const found = folderRows.value.filter(({ mailbox }) =>
    mailbox.id !== view.value?.mailboxId && mailbox.role !== "drafts" && folderName(mailbox).toLowerCase().includes(text.trim().toLowerCase()));
  useEffect(() => list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" }), [active]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const choice = found[active];
    if (step !== 0 && found.length > 0) setActive((active + step + found.length) % found.length);
    else if (event.key === "Enter" && choice) moveSubject(choice.mailbox);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title={t("move.title", { count: moving.value?.length ?? 0 })} onClose={() => { moving.value = null; }} narrow>
      <input class="filter" type="text" role="combobox" aria-expanded="true" aria-controls="move-list" aria-activedescendant={`move-${active}`} autofocus
        placeholder={t("move.filter")} aria-label={t("move.filter")} value={text} onKeyDown={onKeyDown}
        onInput={(event) => { setText(event.currentTarget.value); setActive(0); }} />
      <ul class="choices" role="listbox" id="move-list" ref={list} aria-label={t("folder.all")}>
        {found.map(({ mailbox, depth }, i) => (
          <li key={mailbox.id} id={`move-${i}`} role="option" aria-selected={i === active} style={{ "--depth": String(depth) }}
            onPointerMove={() => setActive(i)} onClick={() => moveSubject(mailbox)}>
            <Icon name={mailbox.role ?? "folder"} />{folderName(mailbox)}
          </li>
        ))}
        {found.length === 0 && <li class="none">{t("move.none")}</li>}
      </ul>
    </Dialog>
  );
}

function FolderDialog() {
  const renamed = folderDialog.value?.rename ?? null;
  const [name, setName] = useState(renamed?.name ?? "");
  const [parent, setParent] = useState("");
  const [problem, setProblem] = useState("");
  const close = () => { folderDialog.value = null; };
  const submit = async (event: Event) => {
    event.preventDefault();
    const wanted = name.trim();
    if (wanted === "") return;
    try {
      await (renamed ? renameFolder(renamed.id, wanted) : createFolder(wanted, parent || null));
      close();
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  return (
    <Dialog title={t(renamed ? "folder.rename" : "folder.new")} onClose={close} narrow>
      <form class="folderform" onSubmit={(event) => void submit(event)}>
        <label for="folder-name">{t("folder.name")}</label>
        <input id="folder-name" class="filter" type="text" required maxLength={kMaxName} autofocus autocomplete="off" value={name} onInput={(event) => setName(event.currentTarget.value)} />
        {!renamed && <label for="folder-parent">{t("folder.parent")}</label>}
        {!renamed && (
          <select id="folder-parent" class="filter" value={parent} onChange={(event) => setParent(event.currentTarget.value)}>
            <option value="">{t("folder.top")}</option>
            {folderRows.value.filter(({ mailbox }) => !mailbox.role).map(({ mailbox, depth }) => <option key={mailbox.id} value={mailbox.id}>{"\u2003".repeat(depth) + mailbox.name}</option>)}
          </select>
        )}
        {problem && <p class="problem" role="alert"><Icon name="alert" />{problem}</p>}
        <div class="buttons">
          <button type="button" class="secondary" onClick={close}>{t("action.cancel")}</button>
          <button type="submit" class="primary">{t("folder.save")}</button>
        </div>
      </form>
    </Dialog>
  );
}

function DestroyDialog() {
  const count = destroying.value?.length ?? 0;
  const stop = () => { destroying.value = null; };
  return (
    <Dialog title={t("destroy.title", { count })} onClose={stop} narrow>
      <p>{t("destroy.text")}</p>
      <div class="buttons">
        <button type="button" class="secondary" onClick={stop}>{t("action.cancel")}</button>
        <button type="button" class="primary danger" autofocus onClick={destroyConfirmed}>{t("destroy.yes")}</button>
      </div>
    </Dialog>
  );
}

const kKeys: [string[], MessageKey][] = [
  [["j"], "key.next"], [["k"], "key.previous"], [["o", "Enter"], "key.open"], [["u", "Esc"], "key.back"], [["x"], "key.select"],
  [["c"], "action.compose"], [["r"], "action.reply"], [["a"], "action.replyAll"], [["f"], "action.forward"],
  [["e"], "action.archive"], [["#"], "action.delete"], [["v"], "action.move"], [["s"], "action.star"], [["Shift", "u"], "action.unread"], [["Shift", "i"], "action.read"],
  [["g", "i"], "key.inbox"], [["g", "s"], "key.sent"], [["g", "d"], "key.drafts"], [["/"], "key.search"], [["Ctrl", "Enter"], "action.send"], [["?"], "help.title"],
];

function HelpDialog() {
  return (
    <Dialog title={t("help.title")} onClose={() => { helpOpen.value = false; }}>
      <dl class="keys">
        {kKeys.map(([keys, label]) => <div key={label + keys.join()}><dt>{keys.map((k) => <kbd key={k}>{k}</kbd>)}</dt><dd>{t(label)}</dd></div>)}
      </dl>
      <p class="hint">{t("search.hint")}</p>
    </Dialog>
  );
}

export function Dialogs() {
  return (
    <>
      {moving.value && <MoveDialog />}
      {destroying.value && <DestroyDialog />}
      {folderDialog.value && <FolderDialog />}
      {helpOpen.value && <HelpDialog />}
    </>
  );
}
