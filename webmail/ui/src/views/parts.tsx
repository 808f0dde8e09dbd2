// Small building blocks: icon buttons, menus, dialogues, pictures of senders.

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useId, useRef, useState } from "preact/hooks";
import type { Address } from "../api/types";
import { hue, initials } from "../mail/addresses";
import { t } from "../i18n/index";
import { Icon } from "./icons";

interface IconButtonProps {
  icon: string;
  label: string;
  onClick?: (event: MouseEvent) => void;
  pressed?: boolean;
  filled?: boolean;
  class?: string;
  disabled?: boolean;
  expanded?: boolean;
  shortcut?: string;
  text?: boolean;
}

export function IconButton(props: IconButtonProps) {
  const title = props.shortcut ? `${props.label} (${props.shortcut})` : props.label;
  return (
    <button type="button" class={`iconbutton ${props.class ?? ""}`} onClick={props.onClick} aria-label={props.label} title={title}
      aria-pressed={props.pressed} aria-expanded={props.expanded} disabled={props.disabled}>
      <Icon name={props.icon} filled={props.filled ?? false} />
      {props.text && <span aria-hidden="true">{props.label}</span>}
    </button>
  );
}

export function Avatar({ address, small }: { address: Address | undefined | null; small?: boolean }) {
  return (
    <span class={small ? "avatar small" : "avatar"} style={{ "--hue": String(hue(address?.email ?? "")) }} aria-hidden="true">
      {initials(address)}
    </span>
  );
}

export interface MenuItem {
  label: string;
  icon?: string;
  checked?: boolean;
  run: () => void;
  danger?: boolean;
}

/** A button that opens a list of commands (WAI-ARIA menu button pattern). */
export function MenuButton({ icon, label, items, text, up }: { icon: string; label: string; items: (MenuItem | "line")[]; text?: ComponentChildren; up?: boolean }) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    if (!open) return;
    const outside = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    window.addEventListener("blur", outside);
    box.current?.querySelector<HTMLElement>('[role^="menuitem"]')?.focus();
    return () => {
      document.removeEventListener("pointerdown", outside);
      window.removeEventListener("blur", outside);
    };
  }, [open]);
  const close = () => {
    setOpen(false);
    box.current?.querySelector<HTMLElement>("button")?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!open) return;
    const all = [...(box.current?.querySelectorAll<HTMLElement>('[role^="menuitem"]') ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) all[(at + step + all.length) % all.length]?.focus();
    else if (event.key === "Escape") close();
    else if (event.key === "Tab") return setOpen(false);
    else return event.stopPropagation();
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="menubox" ref={box} onKeyDown={onKeyDown}>
      <button type="button" class={text ? "textbutton" : "iconbutton"} aria-haspopup="menu" aria-expanded={open} aria-controls={id} aria-label={text ? undefined : label} title={label}
        onClick={() => setOpen(!open)}>
        {text ? <>{text}<span class="sr">, {label}</span></> : <Icon name={icon} />}
      </button>
      {open && (
        <div class={up ? "menu up" : "menu"} role="menu" id={id} aria-label={label}>
          {items.map((item, i) => item === "line" ? <hr key={i} /> : (
            <button key={i} type="button" role={item.checked === undefined ? "menuitem" : "menuitemradio"} aria-checked={item.checked} tabIndex={-1}
              class={item.danger ? "danger" : ""} onClick={() => { close(); item.run(); }}>
              <Icon name={item.icon ?? (item.checked ? "check" : "")} />
              {item.label}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

/** A modal dialogue: the browser keeps the focus inside and gives it back. */
export function Dialog({ title, onClose, children, narrow }: { title: string; onClose: () => void; children: ComponentChildren; narrow?: boolean }) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog ref={ref} class={narrow ? "dialog narrow" : "dialog"} aria-labelledby={id}
      onCancel={(event) => { event.preventDefault(); onClose(); }}
      onClick={(event) => { if (event.target === ref.current) onClose(); }}>
      <header>
        <h2 id={id}>{title}</h2>
        <IconButton icon="close" label={t("action.close")} onClick={onClose} />
      </header>
      {children}
    </dialog>
  );
}

export function Spinner({ label }: { label: string }) {
  return <span class="spinner" role="status" aria-label={label} />;
}
