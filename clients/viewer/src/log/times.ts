/** How a line's time is told. */
import type { TimeFormat } from './view-state'

const pad = (value: number, digits = 2) => String(value).padStart(digits, '0')

/** `milliseconds` as `+1:02:03.456`, hours only where there are any. */
export function elapsedText(milliseconds: number): string {
  const sign = milliseconds < 0 ? '−' : '+'
  const rest = Math.abs(Math.round(milliseconds))
  const [hours, minutes, seconds] = [
    Math.floor(rest / 3_600_000),
    Math.floor(rest / 60_000) % 60,
    Math.floor(rest / 1000) % 60,
  ]
  return `${sign}${hours ? `${hours}:` : ''}${hours ? pad(minutes) : minutes}:${pad(seconds)}.${pad(rest % 1000, 3)}`
}

/** A duration for people: `340 ms`, `12.3 s`, `4 m 02 s`, `3 h 05 m`. */
export function durationText(milliseconds: number): string {
  const seconds = Math.max(milliseconds, 0) / 1000
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${pad(Math.floor(seconds % 60))} s`
  return `${Math.floor(seconds / 3600)} h ${pad(Math.floor(seconds / 60) % 60)} m`
}

/** In the reader's own time zone; the date where it is not today's. */
export function absoluteText(time: Date, now: Date): string {
  const clock = `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}.${pad(time.getMilliseconds(), 3)}`
  return time.toDateString() === now.toDateString()
    ? clock
    : `${pad(time.getMonth() + 1)}-${pad(time.getDate())} ${clock}`
}

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
]

/** Tells times in one form; cheap enough for every row of every frame. */
export class Clock {
  readonly #relative: Intl.RelativeTimeFormat

  constructor(
    readonly format: TimeFormat,
    language: string,
    readonly startMilliseconds: number | null,
  ) {
    this.#relative = new Intl.RelativeTimeFormat(language, { style: 'narrow', numeric: 'always' })
  }

  text(timestamp: string, nowMilliseconds: number): string {
    const time = Date.parse(timestamp)
    if (Number.isNaN(time) || this.format === 'none') return ''
    if (this.format === 'elapsed') return elapsedText(time - (this.startMilliseconds ?? time))
    if (this.format === 'absolute') return absoluteText(new Date(time), new Date(nowMilliseconds))
    const seconds = Math.min((time - nowMilliseconds) / 1000, 0)
    const [unit, size] = UNITS.find(([, least]) => -seconds >= least) ?? ['second', 1]
    return this.#relative.format(Math.ceil(seconds / size), unit)
  }
}
