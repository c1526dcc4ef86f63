/** The groups of one log: finds their markers in the whole log, and knows which lines are folded away. */
import type { LogEntry, LogFilter } from 'otto-logs'
import type { HistoryPage, HistoryQuery } from 'otto-logs/history'
import { Folds, type Group, MARKER_TEXTS, markerOf } from './folds'
import type { LinePages } from './line-pages'
import type { Place } from './plan'
import type { Hidden } from './row-model'

/** Groups that are folded at once under a filter: each may ask for a page. */
const FILTERED_FOLDS_MAX = 200
const MARKERS_PAGE = 10_000

export interface FoldedLog {
  filter: LogFilter
  isFiltered: boolean
  lines: Pick<LinePages, 'indexOf' | 'indexAt' | 'placeOf'>
  life: AbortSignal
}

export class LogFolds {
  readonly folds = new Folds()
  #read: (query: HistoryQuery) => Promise<HistoryPage>
  #log: FoldedLog
  #isKnown = false
  #waiting: LogEntry[] = []
  #places = new Map<number, { from: Place; to: Place }>()

  constructor(read: (query: HistoryQuery) => Promise<HistoryPage>, log: FoldedLog) {
    this.#read = read
    this.#log = log
  }

  /** Begin with a log, or with another filter. */
  begin(log: FoldedLog): void {
    this.#log = log
    this.folds.clear(log.isFiltered)
    this.#places.clear()
    this.#isKnown = false
    this.#waiting = []
  }

  /** Look at a live line; whether groups have changed. */
  see(entry: LogEntry): boolean {
    // Where a text is asked for, markers come that the stream leaves out.
    const marker = this.#log.filter.keywords?.length ? null : markerOf(entry.message)
    if (!marker) return false
    if (this.#isKnown) return this.folds.add(entry.sequence, marker, true, entry.timestamp)
    this.#waiting.push(entry)
    return false
  }

  /** Find the markers of the whole log; false where another filter was set meanwhile. */
  async find(): Promise<boolean> {
    const { filter, life } = this.#log
    let after: string | undefined
    try {
      for (;;) {
        const page = await this.#read({
          ...(after ? { after } : {}),
          limit: MARKERS_PAGE,
          filter: { ...filter, keywords: [...MARKER_TEXTS] },
          signal: life,
        })
        if (life.aborted) return false
        this.#take(page.entries)
        if (!page.hasNext || !page.next || page.next === after || this.folds.size >= this.folds.groupsMax) break
        after = page.next
      }
    } catch {
      if (life.aborted) return false // otherwise the log is shown without folds
    }
    this.#take(this.#waiting)
    this.#waiting = []
    this.#isKnown = true
    return true
  }

  #take(entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      const marker = markerOf(entry.message)
      if (marker) this.folds.add(entry.sequence, marker, this.#hasText(entry), entry.timestamp)
    }
  }

  #hasText({ message }: LogEntry): boolean {
    const text = message.toLowerCase()
    return this.#log.filter.keywords?.some((keyword) => text.includes(keyword.toLowerCase())) ?? true
  }

  /** The lines that folds hide, by their indexes; `indexAfter` is the index of what follows a sequence. */
  hidden(lastSequence: number, indexAfter: (sequence: number) => number): Hidden[] {
    const { isFiltered, lines } = this.#log
    if (!isFiltered)
      return this.folds.hidden(lastSequence).map(({ from, to }) => ({ from: lines.indexOf(from), to: indexAfter(to) }))
    const hidden: Hidden[] = []
    for (const start of this.folds.folded) {
      const known = this.#places.get(start)
      if (known) hidden.push({ from: lines.indexAt(known.from), to: lines.indexAt(known.to) })
    }
    return hidden
  }

  /** How many lines a group's fold hides. */
  lineCount({ start, end }: Group): number {
    const known = this.#places.get(start)
    const { isFiltered, lines } = this.#log
    if (isFiltered) return known ? lines.indexAt(known.to) - lines.indexAt(known.from) : 0
    return end === null ? 0 : end - start
  }

  /** Fold or open a group; whether that has changed anything. */
  async toggle(start: number): Promise<boolean> {
    const group = this.folds.group(start)
    if (!group) return false
    if (this.#log.isFiltered) await this.#place(group)
    return this.folds.toggle(start)
  }

  /** Fold or open all groups; false where another filter was set meanwhile. */
  async setAll(isFolded: boolean): Promise<boolean> {
    const { isFiltered, life } = this.#log
    this.folds.setAll(isFolded, isFiltered ? FILTERED_FOLDS_MAX : undefined)
    if (isFiltered) {
      for (const start of [...this.folds.folded]) {
        const group = this.folds.group(start)
        if (group) await this.#place(group)
        if (life.aborted) return false
      }
    }
    return true
  }

  /**
   * Which lines a group holds under a filter. Only pages that are loaded say that exactly; a place in one stays true when
   * other pages are counted anew, or leave the memory.
   */
  async #place({ start, end }: Group): Promise<void> {
    if (end === null || this.#places.has(start)) return
    const { lines, life } = this.#log
    const from = await lines.placeOf(start + 1)
    const to = await lines.placeOf(end + 1)
    if (from && to && !life.aborted) this.#places.set(start, { from, to })
  }
}
