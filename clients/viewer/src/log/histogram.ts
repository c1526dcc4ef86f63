/** Lines by level over time, from counts over runs of sequences: each run's lines are spread evenly over its own time. */
import type { LogEntry } from 'otto-logs'
import type { Bucket, LevelCounts } from 'otto-logs/history'
import { clockText, dayText, offsetOf } from '../data/zone'
import { LEVELS } from './filter'

export interface Bar {
  startMilliseconds: number
  endMilliseconds: number
  /** The first sequence of its time. */
  sequence: number
  total: number
  levels: LevelCounts
}

const LIVE_LINES_MAX = 500
const BUCKETS_MAX = 2000

/** What the gateway has counted, and what came live since. */
export class LineCounts {
  #buckets: Bucket[]
  #live: Bucket | null = null
  #levels: LevelCounts
  #total: number

  constructor(
    buckets: readonly Bucket[] = [],
    levels: LevelCounts = {},
    total = 0,
    private upTo = 0,
  ) {
    this.#buckets = [...buckets]
    this.#levels = { ...levels }
    this.#total = total
  }

  /** What is counted so far; it does not change with what is added later. */
  snapshot(): { buckets: readonly Bucket[]; levels: LevelCounts; total: number } {
    const copied = (bucket: Bucket) => (bucket === this.#live ? { ...bucket, levels: { ...bucket.levels } } : bucket)
    return { buckets: this.#buckets.map(copied), levels: { ...this.#levels }, total: this.#total }
  }

  add(entry: LogEntry): void {
    if (entry.sequence <= this.upTo) return
    this.upTo = entry.sequence
    this.#total += 1
    this.#levels[entry.level] = (this.#levels[entry.level] ?? 0) + 1
    if (!this.#live || this.#live.total >= LIVE_LINES_MAX) {
      this.#live = {
        from: entry.sequence,
        to: entry.sequence,
        startTime: entry.timestamp,
        endTime: entry.timestamp,
        total: 0,
        levels: {},
      }
      this.#buckets.push(this.#live)
      if (this.#buckets.length > BUCKETS_MAX) this.#halve()
    }
    const live = this.#live
    live.to = entry.sequence
    live.endTime = entry.timestamp
    live.total += 1
    live.levels[entry.level] = (live.levels[entry.level] ?? 0) + 1
  }

  #halve(): void {
    const merged: Bucket[] = []
    for (let at = 0; at < this.#buckets.length; at += 2) {
      const [a, b] = [this.#buckets[at] as Bucket, this.#buckets[at + 1]]
      if (!b || b === this.#live) merged.push(a, ...(b ? [b] : []))
      else {
        const levels: LevelCounts = {}
        for (const level of LEVELS)
          if (a.levels[level] || b.levels[level]) levels[level] = (a.levels[level] ?? 0) + (b.levels[level] ?? 0)
        merged.push({
          from: a.from,
          to: b.to,
          startTime: a.startTime ?? b.startTime,
          endTime: b.endTime ?? a.endTime,
          total: a.total + b.total,
          levels,
        })
      }
    }
    this.#buckets = merged
  }
}

/** At most `count` bars of equal time; [] where there is nothing to draw. */
export function timeBars(buckets: readonly Bucket[], count: number): Bar[] {
  const timed = buckets
    .filter((bucket) => bucket.startTime && bucket.endTime)
    .map((bucket) => {
      const ends = [Date.parse(bucket.startTime as string), Date.parse(bucket.endTime as string)]
      return { bucket, start: Math.min(...ends), end: Math.max(...ends) }
    })
    .filter(({ start, end }) => Number.isFinite(start) && Number.isFinite(end))
  if (!timed.length) return []
  const first = timed.reduce((least, { start }) => Math.min(least, start), Number.POSITIVE_INFINITY)
  const last = timed.reduce((most, { end }) => Math.max(most, end), Number.NEGATIVE_INFINITY)
  const width = Math.max((last - first) / count, 1)
  const bars: Bar[] = Array.from(
    { length: Math.min(count, Math.max(Math.ceil((last - first) / width), 1)) },
    (_, at) => ({
      startMilliseconds: first + at * width,
      endMilliseconds: first + (at + 1) * width,
      sequence: 0,
      total: 0,
      levels: {},
    }),
  )
  for (const { bucket, start, end } of timed) {
    const bin = (time: number) => Math.min(Math.floor((time - first) / width), bars.length - 1)
    const [from, to] = [bin(start), bin(end)]
    let passed = 0
    for (let at = from; at <= to; at++) {
      const bar = bars[at] as Bar
      const left = Math.max(start, bar.startMilliseconds)
      const share = end > start ? Math.max(Math.min(end, bar.endMilliseconds) - left, 0) / (end - start) : 1
      const sequence = Math.round(
        bucket.from + (end > start ? (left - start) / (end - start) : 0) * (bucket.to - bucket.from),
      )
      bar.sequence = bar.sequence === 0 ? sequence : Math.min(bar.sequence, sequence)
      bar.total += bucket.total * share
      const before = passed
      passed += share
      for (const level of LEVELS) {
        // Whole lines: one error is in one bar, wherever in its run it was.
        const lines = wholeLines(bucket.levels[level] ?? 0, before, passed)
        if (lines) bar.levels[level] = (bar.levels[level] ?? 0) + lines
      }
    }
  }
  // Empty times lead to the next line there is.
  let following = (timed[timed.length - 1] as { bucket: Bucket }).bucket.to
  for (const bar of [...bars].reverse()) {
    if (bar.sequence === 0) bar.sequence = following
    following = bar.sequence
  }
  return bars
}

/** How many of `lines` that are spread evenly fall between two shares of their run. */
function wholeLines(lines: number, from: number, to: number): number {
  const upTo = (share: number) => Math.round(lines * Math.min(share, 1) - 1e-9)
  return upTo(to) - upTo(from)
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 30, 90, 365].map((n) => n * DAY),
]

/** At most `most` round times between two, as the clock of a zone shows them; days where a step is one or more. */
export function timeTicks(start: number, end: number, most: number, zone = ''): { at: number; text: string }[] {
  const step = STEPS.find((each) => (end - start) / each <= most)
  if (!step || end <= start) return []
  const ahead = zone ? offsetOf(start, zone) : -new Date(start).getTimezoneOffset() * MINUTE
  const ticks = []
  // The last one needs room for its text.
  for (let at = Math.ceil((start + ahead) / step) * step - ahead; at <= end - (end - start) / 20; at += step) {
    const time = clockText(at, zone, step < SECOND)
    ticks.push({ at, text: step >= DAY ? dayText(at, zone).slice(5) : step >= MINUTE ? time.slice(0, 5) : time })
  }
  return ticks
}

/** The time of all bars from one to another, whichever is first; null: there are no such bars. */
export function timesOf(
  bars: readonly Bar[],
  one: number,
  other: number,
): { startTime: string; endTime: string } | null {
  const [first, last] = [bars[Math.min(one, other)], bars[Math.max(one, other)]]
  if (!first || !last) return null
  const time = (milliseconds: number) => new Date(milliseconds).toISOString()
  return { startTime: time(Math.floor(first.startMilliseconds)), endTime: time(Math.ceil(last.endMilliseconds)) }
}
