// All icons of the pages: 16 units, drawn with one stroke.

const PATHS = {
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10M10.6 10.6 14 14',
  close: 'M4 4l8 8M12 4l-8 8',
  up: 'M8 13V3M4 7l4-4 4 4',
  down: 'M8 3v10M4 9l4 4 4-4',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  pin: 'M6 2h4M6.5 2v4.5L4.5 9h7l-2-2.5V2M8 9v5',
  expand: 'M4 6l4 4 4-4',
  next: 'M6 4l4 4-4 4',
  link: 'M6.5 9.5l3-3M7 5l1.8-1.8a2.8 2.8 0 0 1 4 4L11 9M9 11l-1.8 1.8a2.8 2.8 0 0 1-4-4L5 7',
  download: 'M8 2v8M4.5 7 8 10.5 11.5 7M3 13.5h10',
  view: 'M2 4.5h7M13 4.5h1M2 11.5h1M7 11.5h7M11 2.5v4M5 9.5v4',
  follow: 'M8 2v7M5 6.5 8 9.5l3-3M3.5 13.5h9',
  settings:
    'M8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4M8 1.5V4M8 12v2.5M1.5 8H4M12 8h2.5M3.4 3.4l1.8 1.8M10.8 10.8l1.8 1.8M3.4 12.6l1.8-1.8M10.8 5.2l1.8-1.8',
  keyboard: 'M2 4h12v8H2zM4.5 6.5h.01M7 6.5h.01M9.5 6.5h.01M12 6.5h-.5M5 9.5h6',
  bell: 'M4 11.5V7a4 4 0 0 1 8 0v4.5M2.5 11.5h11M6.5 13.8h3M8 1.5V3',
  masked: 'M8 3v10M3.7 5.5l8.6 5M12.3 5.5l-8.6 5',
  muted: 'M4 11.5V7a4 4 0 0 1 7-2.6M12 8v3.5H4.5M2.5 11.5H4M6.5 13.8h3M2.5 13.5l11-11',
  logo: 'M2 3h9M2 6.5h12M2 10h6M2 13.5h10',
  // Icons of statuses; forms differ, so that colour is not needed.
  busy: 'M13 8a5 5 0 1 1-5-5',
  good: 'M3 8.5l3.5 3.5L13 5',
  bad: 'M8 2.5 13.5 8 8 13.5 2.5 8z',
  cancelled: 'M8 13A5 5 0 1 0 8 3a5 5 0 0 0 0 10M4.5 11.5l7-7',
  warn: 'M8 3l5.5 10h-11z',
  idle: 'M8 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8',
}

export type IconName = keyof typeof PATHS

const FILLED = new Set<IconName>(['bad', 'warn'])

/** An icon; it says nothing by itself, so what it stands for is written beside it or in its button's label. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 16 16"
      width={size}
      height={size}
      aria-hidden="true"
      data-icon={name}
      data-filled={FILLED.has(name) || undefined}
    >
      <path d={PATHS[name]} />
    </svg>
  )
}

/** The favicon: the logo with a mark in the colour of a status. The page's policy allows images as data. */
export function favicon(colour: string | null): string {
  const mark = colour ? `<circle cx="12" cy="12" r="3.5" fill="${colour}" stroke="none"/>` : ''
  return `data:image/svg+xml,${encodeURIComponent(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="none" stroke="#6b7f99" stroke-width="2" stroke-linecap="round"><path d="${PATHS.logo}"/>${mark}</svg>`,
  )}`
}
