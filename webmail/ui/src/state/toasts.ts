// Short notices at the foot of the page, and what a screen reader is told.

import { signal } from "@preact/signals";

export interface Toast {
  id: number;
  text: string;
  kind: "info" | "error";
  action?: { label: string; run: () => void } | undefined;
}

export const toasts = signal<Toast[]>([]);
export const announcement = signal("");

let nextId = 1;

export function toast(text: string, options: { kind?: Toast["kind"]; action?: Toast["action"]; milliseconds?: number } = {}): number {
  const id = nextId++;
  const entry: Toast = { id, text, kind: options.kind ?? "info", action: options.action };
  toasts.value = [...toasts.value.slice(-2), entry];
  setTimeout(() => dismiss(id), options.milliseconds ?? (options.action || options.kind === "error" ? 9000 : 4500));
  return id;
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((entry) => entry.id !== id);
}

export function announce(text: string): void {
  announcement.value = "";
  setTimeout(() => (announcement.value = text), 30);
}
