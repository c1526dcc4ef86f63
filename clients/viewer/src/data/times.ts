// Times and durations, in the reader's own time zone and language.
import type { Language } from '../shell/preferences'
import { clockText, dayText } from './zone'

/** Milliseconds since 1970 of what the gateway writes: RFC 3339, SQL's `2026-01-31 13:45:00` in UTC, or a number. */
export function millisecondsOf(time: string | number | null | undefined): number | null {
  if (time === null || time === undefined || time === '') return null
  if (typeof time === 'number') return time
  if (/^-?\d+(\.\d+)?$/.test(time)) return Number(time)
  const text = /^\d{4}-\d\d-\d\d \d\d:\d\d/.test(time) ? time.replace(' ', 'T') : time
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/i.test(text)
  const parsed = Date.parse(hasZone || !text.includes('T') ? text : `${text}Z`)
  return Number.isNaN(parsed) ? null : parsed
}

/** `950 ms`, `12.4 s`, `3 min 05 s`, `2 h 07 min`, `3 d 4 h`. */
export function duration(milliseconds: number): string {
  const two = (n: number) => String(n).padStart(2, '0')
  if (milliseconds < 999.5) return `${Math.max(0, Math.round(milliseconds))} ms`
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(milliseconds < 9_950 ? 2 : 1)} s`
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`
}

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
]

/** `12 sec. ago`; the second and the minute are as exact as it gets. */
export function ago(time: number, now: number, language: Language): string {
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'short' })
  const away = time - now
  for (const [unit, size] of UNITS) {
    if (Math.abs(away) >= size) return format.format(Math.trunc(away / size), unit)
  }
  return format.format(0, 'second')
}

/** `2026-01-31 13:45:00` in a zone, '' being the reader's own; the day where it is not today, the year where it is another. */
export function clock(time: number, now = Date.now(), zone = ''): string {
  const [day, today, at] = [dayText(time, zone), dayText(now, zone), clockText(time, zone)]
  if (day === today) return at
  return day.slice(0, 4) === today.slice(0, 4) ? `${day.slice(5)} ${at}` : `${day} ${at}`
}

/** The time with its date and zone, for a tooltip. */
export function exactly(time: number): string {
  return new Date(time).toISOString()
}
