// Search over all folders. The result has an address of its own: back, forward and reload keep it.

import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n/index";
import { go, route } from "../state/router";
import { Icon } from "./icons";

const kPause = 350;  // typing pauses that start a search

export function SearchBox() {
  const [text, setText] = useState(route.value.query ?? "");
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const composing = useRef(false);
  useEffect(() => setText(route.value.query ?? ""), [route.value.query]);

  const search = (value: string) => {
    clearTimeout(timer.current);
    const query = value.trim();
    if (query === (route.value.query ?? "")) return;
    const how = route.value.query === null ? "push" : "replace";
    if (query === "") go({ query: null, email: null }, "replace");
    else go({ query, email: null }, how);
  };
  const typed = (value: string) => {
    setText(value);
    clearTimeout(timer.current);
    if (!composing.current) timer.current = setTimeout(() => search(value), kPause);
  };
  return (
    <form class="searchbox" role="search" onSubmit={(event) => { event.preventDefault(); search(text); }}>
      <label class="searchfield">
        <Icon name="search" />
        <span class="sr">{t("search.label")}</span>
        <input id="search" type="search" value={text} placeholder={t("search.label")} title={t("search.hint")} autocomplete="off" spellcheck={false}
          onInput={(event) => typed(event.currentTarget.value)}
          onCompositionStart={() => { composing.current = true; }}
          onCompositionEnd={(event) => { composing.current = false; typed(event.currentTarget.value); }}
          onKeyDown={(event) => {
            if (event.key !== "Escape" || composing.current) return;
            event.preventDefault();
            typed("");
            search("");
            event.currentTarget.blur();
          }} />
        <kbd aria-hidden="true">/</kbd>
      </label>
    </form>
  );
}
