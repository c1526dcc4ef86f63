/**
 * Where lines are: a line's index counts the lines that pass the filter, from the first stored one; pages are runs of them.
 * Without a filter an index is a sequence; with one the gateway's counts say how many lines each run of sequences holds,
 * and a page that was loaded corrects its own count.
 */
import type { Bucket } from 'otto-logs/history'

export const PAGE_LINES = 500

export interface Place {
  page: number
  offset: number
}

export interface PageRange {
  /** Sequences, both included. */
  from: number
  to: number
  /** Lines expected in it. */
  total: number
}

export interface Plan {
  readonly lineCount: number
  readonly pageCount: number
  place(index: number): Place
  range(page: number): PageRange
  /** The index of the page's first line. */
  start(page: number): number
  /** The page that holds a sequence, or would. */
  pageOf(sequence: number): number
  /** The index of the first line at or behind `sequence`; an estimate inside pages of which the lines are not known. */
  indexOf(sequence: number): number
  /** A live line; null for one that is counted already. */
  append(sequence: number): Place | null
  /** What a loaded page really holds, up to and with its range's end. */
  correct(page: number, total: number): boolean
}

/** Sequences as indexes, in pages that start at multiples of `PAGE_LINES`. */
export class SequencePlan implements Plan {
  #first: number
  #last: number

  constructor(first: number, last: number) {
    this.#first = Math.max(first, 1)
    this.#last = Math.max(last, this.#first - 1)
  }

  get lineCount() {
    return this.#last - this.#first + 1
  }

  get #pageFirst() {
    return Math.floor((this.#first - 1) / PAGE_LINES)
  }

  get pageCount() {
    return this.lineCount === 0 ? 0 : Math.floor((this.#last - 1) / PAGE_LINES) - this.#pageFirst + 1
  }

  place(index: number): Place {
    const page = this.pageOf(this.#first + index)
    return { page, offset: index - this.start(page) }
  }

  range(page: number): PageRange {
    const from = Math.max((page + this.#pageFirst) * PAGE_LINES + 1, this.#first)
    const to = Math.min((page + this.#pageFirst + 1) * PAGE_LINES, this.#last)
    return { from, to, total: to - from + 1 }
  }

  start(page: number): number {
    return Math.max((page + this.#pageFirst) * PAGE_LINES + 1 - this.#first, 0)
  }

  pageOf(sequence: number): number {
    return Math.floor((sequence - 1) / PAGE_LINES) - this.#pageFirst
  }

  indexOf(sequence: number): number {
    return Math.min(Math.max(sequence - this.#first, 0), this.lineCount)
  }

  append(sequence: number): Place | null {
    if (sequence <= this.#last) return null
    this.#last = sequence
    return this.place(sequence - this.#first)
  }

  correct(): boolean {
    return false // a sequence that no longer exists keeps its place
  }
}

/** The lines that pass a filter, by the gateway's counts. */
export class BucketPlan implements Plan {
  #pages: PageRange[]
  #starts: number[] = [0]
  #last: number

  constructor(buckets: readonly Pick<Bucket, 'from' | 'to' | 'total'>[], last: number) {
    this.#pages = mergedRuns(buckets)
    this.#last = last
  }

  get lineCount() {
    return this.#startOf(this.#pages.length)
  }

  get pageCount() {
    return this.#pages.length
  }

  #startOf(page: number): number {
    for (let at = this.#starts.length; at <= page; at++) {
      this.#starts.push((this.#starts[at - 1] as number) + (this.#pages[at - 1] as PageRange).total)
    }
    return this.#starts[page] as number
  }

  place(index: number): Place {
    this.#startOf(this.#pages.length)
    const page = Math.max(lastAtOrBelow(this.#starts, index, this.#pages.length), 0)
    return { page, offset: index - this.#startOf(page) }
  }

  range(page: number): PageRange {
    return this.#pages[page] ?? { from: 1, to: 0, total: 0 }
  }

  start(page: number): number {
    return this.#startOf(Math.min(page, this.#pages.length))
  }

  pageOf(sequence: number): number {
    let [low, high] = [0, this.#pages.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#pages[middle] as PageRange).to >= sequence) high = middle
      else low = middle + 1
    }
    return Math.max(low, 0)
  }

  indexOf(sequence: number): number {
    if (this.#pages.length === 0) return 0
    const page = this.pageOf(sequence)
    const { from, to, total } = this.range(page)
    if (sequence > to) return this.lineCount
    const share = to > from ? Math.max(sequence - from, 0) / (to - from + 1) : 0
    return this.#startOf(page) + Math.floor(share * total)
  }

  append(sequence: number): Place | null {
    if (sequence <= this.#last) return null
    this.#last = sequence
    let page = this.#pages.length - 1
    let tail = this.#pages[page]
    if (!tail || tail.total >= PAGE_LINES) {
      tail = { from: (tail?.to ?? sequence - 1) + 1, to: sequence, total: 0 }
      page = this.#pages.push(tail) - 1
    }
    tail.to = sequence
    tail.total += 1
    this.#starts.length = Math.min(this.#starts.length, page + 1)
    return { page, offset: tail.total - 1 }
  }

  correct(page: number, total: number): boolean {
    const known = this.#pages[page]
    if (!known || known.total === total) return false
    known.total = total
    this.#starts.length = Math.min(this.#starts.length, page + 1)
    return true
  }
}

/** Neighbours that are one page together, so that a rare level is not one request a line. */
function mergedRuns(buckets: readonly Pick<Bucket, 'from' | 'to' | 'total'>[]): PageRange[] {
  const pages: PageRange[] = []
  for (const { from, to, total } of buckets) {
    const previous = pages[pages.length - 1]
    if (previous && previous.total + total <= PAGE_LINES) {
      previous.to = to
      previous.total += total
    } else pages.push({ from, to, total })
  }
  return pages
}

/** The last of the first `count` ascending values that is at most `value`; -1 without one. */
export function lastAtOrBelow(values: readonly number[], value: number, count = values.length): number {
  let [low, high] = [0, count]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((values[middle] as number) <= value) low = middle + 1
    else high = middle
  }
  return low - 1
}
