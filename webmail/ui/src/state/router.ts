// Where we are, in the address bar, so that reload, back, forward and links work:
//   #/inbox   #/inbox/EMAIL   #/FOLDER-ID/EMAIL   #/search/WORDS   #/search/WORDS/EMAIL

import { signal } from "@preact/signals";

export interface Route {
  /** A role ("inbox") or the id of a mailbox; in a search the folder that one came from. */
  folder: string;
  query: string | null;
  email: string | null;
}

export function parseRoute(hash: string): Route {
  const parts = hash.replace(/^#?\/?/, "").split("/").map(decode);
  if (parts[0] === "search" && parts[1]) return { folder: "inbox", query: parts[1], email: parts[2] || null };
  return { folder: parts[0] || "inbox", query: null, email: parts[1] || null };
}

export function formatRoute(route: Route): string {
  const parts = route.query !== null ? ["search", route.query] : [route.folder];
  if (route.email) parts.push(route.email);
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;  // A link that was cut in the middle of an escape still leads somewhere.
  }
}

export const route = signal<Route>({ folder: "inbox", query: null, email: null });

/** Entries that we pushed since the page was opened: "back" in the UI may then be the browser's. */
let pushed = 0;

export function startRouter(): void {
  const follow = () => {
    route.value = parseRoute(location.hash);
  };
  window.addEventListener("popstate", follow);
  window.addEventListener("hashchange", follow);
  follow();
}

export function go(next: Partial<Route>, how: "push" | "replace" = "push"): void {
  const target = { ...route.value, ...next };
  const hash = formatRoute(target);
  if (hash === location.hash) return;
  if (how === "push") {
    history.pushState(null, "", hash);
    pushed++;
  } else {
    history.replaceState(null, "", hash);
  }
  route.value = target;
}

/** Leaves the open message for its list. */
export function closeMessage(): void {
  if (!route.value.email) return;
  if (pushed > 0 && matchMedia("(max-width: 799px)").matches) {
    pushed--;
    history.back();
  } else {
    go({ email: null });
  }
}
