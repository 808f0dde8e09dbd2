// Who is logged in, and what happens when that ends in the middle of something.
//
//   checking ─► out ─► in ─► expired ─► in        (expired: everything stays on the screen under the login dialogue)
//            └────────►┘

import { signal } from "@preact/signals";
import { ApiError } from "../api/http";
import { auth, Jmap } from "../api/jmap";
import type { Identity } from "../api/types";

export type AuthState = "checking" | "out" | "in" | "expired" | "unreachable";

export const authState = signal<AuthState>("checking");
export const userName = signal("");
export const identities = signal<Identity[]>([]);
/** Whether the last request reached the server. */
export const online = signal(true);

let client: Jmap | null = null;
const onLogin: (() => void)[] = [];
const onLogout: (() => void)[] = [];

export function jmap(): Jmap {
  if (!client) throw new ApiError("session", 401, "not logged in");
  return client;
}

export function whenLoggedIn(run: () => void): void {
  onLogin.push(run);
}

export function whenLoggedOut(run: () => void): void {
  onLogout.push(run);
}

/** Every failed request passes here: it changes what the page says about the session and the line. */
export function note(error: unknown): void {
  if (!(error instanceof ApiError)) return;
  if (error.kind === "session" && authState.value === "in") authState.value = "expired";
  online.value = error.kind !== "offline";
}

/** Runs a request and notes its failure. */
export async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    const result = await work();
    online.value = true;
    return result;
  } catch (error) {
    note(error);
    throw error;
  }
}

async function enter(): Promise<void> {
  const before = client?.accountId;
  const next = await Jmap.open();
  if (before !== undefined && before !== next.accountId) return location.reload();
  client = next;
  userName.value = next.session.username;
  const answer = await next.call<{ list: Identity[] }>("Identity/get", { ids: null });
  identities.value = answer.list;
  authState.value = "in";
  for (const run of onLogin) run();
}

export async function resume(): Promise<void> {
  try {
    await auth.me();
    await enter();
    online.value = true;
  } catch (error) {
    if (error instanceof ApiError && error.kind === "session") authState.value = "out";
    else authState.value = "unreachable";
  }
}

export async function login(username: string, password: string): Promise<void> {
  await auth.login(username, password);
  await enter();
  online.value = true;
}

export async function logout(): Promise<void> {
  for (const run of onLogout) run();
  await auth.logout();
  location.hash = "";
  location.reload();
}
