// Addresses to suggest while typing: people in the lists that were seen, and those one wrote to from this browser.

import type { Address } from "../api/types";
import { shown } from "../mail/addresses";
import { identities, jmap } from "./session";

const kKept = 300;
const seen = new Map<string, Address & { weight: number }>();
let loadedFor = "";

function storageKey(): string {
  return `genkan.people.${jmap().accountId}`;
}

function load(): void {
  if (loadedFor === storageKey()) return;
  loadedFor = storageKey();
  try {
    for (const person of JSON.parse(localStorage.getItem(loadedFor) ?? "[]") as Address[]) note(person, 5);
  } catch {
    // Nothing remembered, or not readable: suggestions start empty.
  }
}

function note(address: Address, weight: number): void {
  const key = address.email.trim().toLowerCase();
  if (!key.includes("@")) return;
  const old = seen.get(key);
  if (!old && seen.size > 5000) return;
  seen.set(key, { name: address.name || old?.name || null, email: address.email, weight: (old?.weight ?? 0) + weight });
}

/** People in messages that passed by. */
export function observe(addresses: readonly Address[] | null | undefined): void {
  for (const address of addresses ?? []) note(address, 1);
}

/** People one wrote to: kept for the next visit. */
export function remember(addresses: readonly Address[]): void {
  load();
  for (const address of addresses) note(address, 10);
  const best = [...seen.values()].filter((p) => p.weight >= 5).sort((a, b) => b.weight - a.weight).slice(0, kKept);
  try {
    localStorage.setItem(storageKey(), JSON.stringify(best.map(({ name, email }) => ({ name, email }))));
  } catch {
    // Not remembered then.
  }
}

export function suggest(typed: string, taken: readonly Address[]): Address[] {
  load();
  const needle = typed.trim().toLowerCase();
  if (needle === "") return [];
  const used = new Set([...taken, ...identities.value].map((a) => a.email.toLowerCase()));
  return [...seen.values()]
    .filter((p) => !used.has(p.email.toLowerCase()))
    .filter((p) => p.email.toLowerCase().startsWith(needle) || shown(p).toLowerCase().split(/[\s,]+/).some((w) => w.startsWith(needle)) || shown(p).toLowerCase().includes(needle))
    .sort((a, b) => b.weight - a.weight)
    .slice(0, 6);
}
