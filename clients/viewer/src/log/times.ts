/** How a line's time is shown. */
import { clockText, dayText } from '../data/zone'
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
    readonly zone = '',
    /** Whether the log is of more days than one, so that a time alone does not say when. */
    readonly hasDays = false,
  ) {
    this.#relative = new Intl.RelativeTimeFormat(language, { style: 'narrow', numeric: 'always' })
  }

  text(timestamp: string, nowMilliseconds: number): string {
    const time = Date.parse(timestamp)
    if (Number.isNaN(time) || this.format === 'none') return ''
    if (this.format === 'elapsed') return elapsedText(time - (this.startMilliseconds ?? time))
    if (this.format === 'absolute') {
      const at = clockText(time, this.zone, true)
      return this.hasDays ? `${dayText(time, this.zone).slice(5)} ${at}` : at
    }
    const seconds = Math.min((time - nowMilliseconds) / 1000, 0)
    const [unit, size] = UNITS.find(([, least]) => -seconds >= least) ?? ['second', 1]
    return this.#relative.format(Math.ceil(seconds / size), unit)
  }
}
