// A time as a clock in some zone shows it.

export interface ZonedTime {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
  millisecond: number
}

const QUARTER = 900_000
const formats = new Map<string, Intl.DateTimeFormat>()
/** Offsets by zone and quarter of an hour: no zone changes within one, and asking Intl for each row is slow. */
const offsets = new Map<string, number>()
const OFFSETS_MAX = 2000

/** What a clock shows; `zone` '' is the browser's own. */
export function zonedTime(milliseconds: number, zone = ''): ZonedTime {
  const offset = zone ? offsetOf(milliseconds, zone) : -new Date(milliseconds).getTimezoneOffset() * 60_000
  const moved = new Date(milliseconds + offset)
  return {
    year: moved.getUTCFullYear(),
    month: moved.getUTCMonth() + 1,
    day: moved.getUTCDate(),
    hour: moved.getUTCHours(),
    minute: moved.getUTCMinutes(),
    second: moved.getUTCSeconds(),
    millisecond: moved.getUTCMilliseconds(),
  }
}

/** Milliseconds that a zone is ahead of UTC. */
export function offsetOf(milliseconds: number, zone: string): number {
  const key = `${zone} ${Math.floor(milliseconds / QUARTER)}`
  const known = offsets.get(key)
  if (known !== undefined) return known
  let format = formats.get(zone)
  if (!format) {
    const parts = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const
    format = new Intl.DateTimeFormat('en-u-ca-gregory', { timeZone: zone, hourCycle: 'h23', ...parts })
    formats.set(zone, format)
  }
  const start = Math.floor(milliseconds / QUARTER) * QUARTER
  const said = Object.fromEntries(format.formatToParts(start).map(({ type, value }) => [type, Number(value)]))
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0 } = said
  const offset = Date.UTC(year, month - 1, day, hour, minute) - start
  if (offsets.size >= OFFSETS_MAX) offsets.clear()
  offsets.set(key, offset)
  return offset
}

const two = (value: number, digits = 2) => String(value).padStart(digits, '0')

/** `2026-01-31`. */
export function dayText(milliseconds: number, zone = ''): string {
  const { year, month, day } = zonedTime(milliseconds, zone)
  return `${year}-${two(month)}-${two(day)}`
}

/** `13:45:00`, with `.250` where milliseconds are wanted. */
export function clockText(milliseconds: number, zone = '', hasMilliseconds = false): string {
  const { hour, minute, second, millisecond } = zonedTime(milliseconds, zone)
  return `${two(hour)}:${two(minute)}:${two(second)}${hasMilliseconds ? `.${two(millisecond, 3)}` : ''}`
}
