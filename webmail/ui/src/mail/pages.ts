// Which pages of a long list must be asked for, and which rows are drawn. Pure arithmetic, tested without a browser.

export const kPageSize = 40;

export interface Window {
  first: number;
  last: number;  // one past
}

/** The rows to draw for a scroll position, with some more on both sides so that a fast finger sees no gap. */
export function visibleRows(scrollTop: number, height: number, rowHeight: number, total: number, extra = 8): Window {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - extra);
  const last = Math.min(total, Math.ceil((scrollTop + height) / rowHeight) + extra);
  return { first: Math.min(first, last), last };
}

/** Pages that cover the window and are neither fresh nor on their way. Page 0 is always wanted: it tells the total. */
export function wantedPages(window: Window, fresh: ReadonlySet<number>, inFlight: ReadonlySet<number>): number[] {
  const pages: number[] = [];
  const first = Math.floor(window.first / kPageSize);
  const last = Math.max(first, Math.floor((window.last - 1) / kPageSize));
  for (let page = first; page <= last; page++) {
    if (!fresh.has(page) && !inFlight.has(page)) pages.push(page);
  }
  return pages;
}

/** Puts the answer for one page into the rows. Ids that the answer moved from elsewhere are taken out there, so none shows twice. */
export function mergePage<T>(rows: readonly (T | undefined)[], page: number, ids: readonly T[], total: number): (T | undefined)[] {
  const start = page * kPageSize;
  const fresh = new Set(ids);
  const next: (T | undefined)[] = new Array(total).fill(undefined);
  for (let i = 0; i < Math.min(rows.length, total); i++) {
    const id = rows[i];
    if (id !== undefined && !fresh.has(id)) next[i] = id;
  }
  for (let i = start; i < Math.min(start + kPageSize, total); i++) next[i] = ids[i - start];
  return next;
}
