// A field for addresses: what is complete becomes a chip, what is being typed gets suggestions (WAI-ARIA combobox pattern).

import type { Signal } from "@preact/signals";
import { useLayoutEffect, useId, useRef, useState } from "preact/hooks";
import type { Address } from "../api/types";
import { t } from "../i18n/index";
import { formatOne, isPlausible, parseList, parseOne, sameEmail, shown } from "../mail/addresses";
import { suggest } from "../state/contacts";
import { Icon } from "./icons";
import { Avatar } from "./parts";

interface Props {
  label: string;
  value: Signal<Address[]>;
  onChange: () => void;
  autofocus?: boolean;
  name: string;
}

export function AddressField({ label, value, onChange, autofocus, name }: Props) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState("");
  const [active, setActive] = useState(0);
  const [open, setOpen] = useState(false);
  // The attribute works only once in the life of a page. Before the next key: what one types is text, not a command.
  useLayoutEffect(() => {
    if (autofocus) input.current?.focus();
  }, []);
  const found = open ? suggest(text, value.value) : [];

  const add = (list: Address[]) => {
    const fresh = list.filter((a) => a.email !== "" && !value.value.some((b) => sameEmail(a.email, b.email)));
    setText("");
    setOpen(false);
    setActive(0);
    if (fresh.length === 0) return;
    value.value = [...value.value, ...fresh];
    onChange();
  };
  const removeAt = (index: number) => {
    value.value = value.value.filter((_, i) => i !== index);
    onChange();
    input.current?.focus();
  };
  const editAt = (index: number) => {
    setText(formatOne(value.value[index]!));
    removeAt(index);
  };
  const onInput = (typed: string) => {
    if (/[,;、，；\n]\s*$/.test(typed) && !/"[^"]*$/.test(typed)) return add(parseList(typed));
    setText(typed);
    setOpen(true);
    setActive(0);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    const choice = found[active];
    if (event.key === "ArrowDown" && found.length > 0) setActive((active + 1) % found.length);
    else if (event.key === "ArrowUp" && found.length > 0) setActive((active + found.length - 1) % found.length);
    else if ((event.key === "Enter" || event.key === "Tab") && choice) add([choice]);
    else if (event.key === "Enter" && text.trim()) add(parseList(text));
    else if (event.key === "Escape" && found.length > 0) setOpen(false);
    else if (event.key === "Backspace" && text === "" && value.value.length > 0) removeAt(value.value.length - 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const onPaste = (event: ClipboardEvent) => {
    const pasted = event.clipboardData?.getData("text/plain") ?? "";
    const list = parseList(pasted);
    if (text !== "" || list.length === 0 || !list.every((a) => isPlausible(a.email))) return;
    event.preventDefault();
    add(list);
  };
  return (
    <div class="field addressfield" onClick={(event) => { if (event.target === event.currentTarget) input.current?.focus(); }}>
      <label for={id}>{label}</label>
      <ul class="chips" aria-label={label}>
        {value.value.map((address, i) => (
          <li key={address.email} class={isPlausible(address.email) ? "chip" : "chip wrong"} title={isPlausible(address.email) ? address.email : t("compose.badAddress", { address: address.email })}>
            <button type="button" class="chiptext" onDblClick={() => editAt(i)} tabIndex={-1}>{!isPlausible(address.email) && <Icon name="alert" />}{shown(address)}</button>
            <button type="button" class="chipremove" aria-label={t("compose.removeAddress", { address: address.email })} onClick={() => removeAt(i)}><Icon name="close" /></button>
          </li>
        ))}
        <li class="chipinput">
          <input ref={input} id={id} name={name} type="text" inputMode="email" autocomplete="off" autocapitalize="none" spellcheck={false} value={text}
            role="combobox" aria-expanded={found.length > 0} aria-controls={`${id}-list`} aria-autocomplete="list"
            aria-activedescendant={found.length > 0 ? `${id}-${active}` : undefined}
            onInput={(event) => onInput(event.currentTarget.value)} onKeyDown={onKeyDown} onPaste={onPaste}
            onBlur={() => { if (text.trim()) add([parseOne(text)]); setOpen(false); }} />
        </li>
      </ul>
      {found.length > 0 && (
        <ul class="suggestions" role="listbox" id={`${id}-list`} aria-label={t("compose.suggestions")}>
          {found.map((address, i) => (
            <li key={address.email} id={`${id}-${i}`} role="option" aria-selected={i === active} onPointerDown={(event) => { event.preventDefault(); add([address]); }}>
              <Avatar address={address} small /><span>{shown(address)}</span>{address.name && <small>{address.email}</small>}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
