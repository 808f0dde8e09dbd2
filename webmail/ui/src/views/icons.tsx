// One set of line icons, 20 units square, drawn for this UI.

const kPaths: Record<string, string> = {
  inbox: "M3 11.5h4l1.5 2.5h3L13 11.5h4M3 11.5 5 4.5h10l2 7v4a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1z",
  drafts: "M4 16l.7-3.2L13.2 4.300a1.4 1.4 0 0 1 2 0l.5.5a1.4 1.4 0 0 1 0 2L7.2 15.300z M11.7 5.800l2.5 2.5",
  sent: "M17 3 2.8 8.700l5.4 2.300zM17 3l-5.7 14.2-3.1-6.200zM8.2 11 17 3",
  archive: "M3 4.500h14v3H3zM4.2 7.500v8h11.600v-8M8 10.500h4",
  junk: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM5.2 5.200l9.6 9.6",
  trash: "M3.5 5.500h13M8 5.500V3.500h4v2M5 5.500l.8 11h8.400l.8-11M8.3 8.500v5M11.7 8.500v5",
  folder: "M3 5.500a1 1 0 0 1 1-1h3.700l1.8 2H16a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1z",
  search: "M9 3.500a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM13 13l4 4",
  star: "M10 2.800l2.2 4.6 5 .7-3.6 3.5.9 5L10 14.2 5.5 16.600l.9-5L2.8 8.100l5-.7z",
  reply: "M8 5 3.5 9.5 8 14M3.5 9.500H12a4.5 4.5 0 0 1 4.5 4.500v1.5",
  replyAll: "M6.5 5.5 2.5 9.500l4 4M10.5 5.500l-4 4 4 4M6.5 9.500h6.500a4.5 4.5 0 0 1 4.5 4.500v1",
  forward: "M12 5l4.5 4.500L12 14M16.5 9.500H8A4.5 4.5 0 0 0 3.5 14v1.5",
  back: "M11.5 4.5 6 10l5.5 5.500M6 10h11",
  close: "M5 5l10 10M15 5 5 15",
  menu: "M3 5.500h14M3 10h14M3 14.500h14",
  more: "M4.5 10h.01M10 10h.01M15.5 10h.01",
  attach: "M14.5 9.500l-5 5a3 3 0 0 1-4.3-4.300l6-6a2 2 0 0 1 2.9 2.900l-5.8 5.800a1 1 0 0 1-1.4-1.400l5-5",
  download: "M10 3.500v9M6.5 9.500l3.5 3.5 3.5-3.500M4 16.500h12",
  unread: "M3 5h8.500M3 5v10.500h14V9.500M3 6l7 5.5 2.5-2M15.5 3.500a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.400z",
  read: "M3 8.2 10 3.500l7 4.700v8.300H3zM3 8.500l7 4.5 7-4.5",
  move: "M3 14.500v-9a1 1 0 0 1 1-1h3.700l1.8 2H16a1 1 0 0 1 1 1v2M3 14.500a1 1 0 0 0 1 1h5M12 13.500h5.500M15 11l2.5 2.500L15 16",
  check: "M4.5 10.500l3.7 3.7 7.3-8",
  minus: "M5 10h10",
  plus: "M10 4v12M4 10h12",
  pen: "M4 16l.7-3.2 8.5-8.500a1.4 1.4 0 0 1 2 0l.5.5a1.4 1.4 0 0 1 0 2l-8.5 8.500z",
  down: "M5.5 8l4.5 4.500L14.5 8",
  up: "M5.5 12.5 10 8l4.5 4.5",
  expand: "M11.5 3.500h5v5M16.5 3.500l-6 6M8.5 16.500h-5v-5M3.5 16.500l6-6",
  image: "M3.5 4.500h13v11h-13zM3.5 13l3.5-3.5 3 3 2.5-2.5 4 4M12.5 7.500h.01",
  sun: "M10 6.500a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM10 2v1.500M10 16.500V18M2 10h1.500M16.5 10H18M4.3 4.300l1.1 1.100M14.6 14.600l1.1 1.100M15.7 4.300l-1.1 1.100M5.4 14.600l-1.1 1.1",
  moon: "M16 11.800A6.5 6.5 0 0 1 8.2 4a6.5 6.5 0 1 0 7.8 7.800z",
  auto: "M10 3.500a6.5 6.5 0 1 0 0 13zM10 3.500a6.5 6.5 0 0 1 0 13",
  help: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM8 8a2 2 0 1 1 2.7 1.900c-.5.2-.7.5-.7 1.100M10 13.500h.01",
  logout: "M8 4.500H4.500v11H8M12 6.500l3.5 3.500L12 13.500M15.5 10H8",
  offline: "M3 8.500a10.5 10.5 0 0 1 14 0M5.5 11.300a7 7 0 0 1 9 0M8 14a3.2 3.2 0 0 1 4 0M4 4l12 12",
  alert: "M10 3.5 2.5 16.500h15zM10 8.500v3.500M10 14.300h.01",
  file: "M5 2.500h6.500L15 6v11.500H5zM11.5 2.500V6H15",
  select: "M4 4h12v12H4z",
};

export type IconName = keyof typeof kPaths;

export function Icon({ name, filled }: { name: string; filled?: boolean }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" fill={filled ? "currentColor" : "none"}
      stroke="currentColor" stroke-width={name === "more" ? 2.6 : 1.5} stroke-linecap="round" stroke-linejoin="round">
      <path d={kPaths[name] ?? ""} />
    </svg>
  );
}

/** The house: a gate under a roof. */
export function Logo({ size = 28 }: { size?: number }) {
  return (
    <svg class="logo" viewBox="0 0 32 32" width={size} height={size} aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="var(--logo)" />
      <path d="M8 12.2 16 7l8 5.200V25h-5.200v-7.400h-5.600V25H8z" fill="none" stroke="#fff" stroke-width="2.2" stroke-linejoin="round" />
    </svg>
  );
}
