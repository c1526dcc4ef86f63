/** The lines of a log as one filter shows them: where each of them is, and the pages around what is being looked at. */
import type { Gap, GatewayError, LogEntry } from 'otto-logs'
import type { HistoryPage, HistoryQuery } from 'otto-logs/history'
import { PageCache } from './page-cache'
import type { PageRange, Place, Plan } from './plan'
import { isRefusal } from './refusals'

/** Where pages come from, and who is told of them. */
export interface PageSource {
  /** The life of the journal that the plan counts. */
  epoch: string
  isFiltered: boolean
  /** Ask for stored lines that pass the filter. */
  read(query: HistoryQuery): Promise<HistoryPage>
  /** What comes after its end is not told, and asks for nothing. */
  life: AbortSignal
  /** A page came, or could not be had. */
  loaded(): void
  /** A page holds another number of lines than was counted. */
  recounted(): void
  gaps(gaps: readonly Gap[]): void
  /** The journal began another life. */
  restart(): void
  /** The gateway refused, and would do so again. */
  refused(error: GatewayError): void
}

const LOADS_MAX = 3
const REQUEST_LINES_MAX = 5000
const RETRY_MILLISECONDS = 1500

/** Places are lines by their index in the plan; every place can be asked for, loaded or not. */
export class LinePages {
  #cache = new PageCache()
  #loading = new Map<number, Promise<void>>()
  #wanted: number[] = []

  constructor(
    readonly plan: Plan,
    readonly source: PageSource,
  ) {}

  get lineCount() {
    return this.plan.lineCount
  }

  /** How many lines are in memory. */
  get size() {
    return this.#cache.lines
  }

  /** undefined: not loaded; null: no longer stored. */
  entry(index: number): LogEntry | null | undefined {
    const { page, offset } = this.plan.place(index)
    return this.#cache.get(page)?.lines[offset]
  }

  /** The sequence of a line, or one near it as long as its page is not known. */
  sequenceAt(index: number): number {
    const { page, offset } = this.plan.place(index)
    const { from, to } = this.plan.range(page)
    return this.#cache.get(page)?.lines[offset]?.sequence ?? Math.min(from + offset, Math.max(to, from))
  }

  /** The index of the first line at or behind `sequence`; an estimate where its page is not loaded. */
  indexOf(sequence: number): number {
    if (!this.source.isFiltered) return this.plan.indexOf(sequence)
    const page = this.plan.pageOf(sequence)
    if (!this.#isLoaded(page) || sequence > this.plan.range(page).to) return this.plan.indexOf(sequence)
    return this.indexAt({ page, offset: this.#offset(page, sequence) })
  }

  indexAt({ page, offset }: Place): number {
    return this.plan.start(page) + offset
  }

  /** The place of the first line at or behind `sequence`, loaded if need be; null where that fails. */
  async placeOf(sequence: number): Promise<Place | null> {
    if (!this.plan.pageCount) return null
    const page = this.plan.pageOf(sequence)
    if (!this.#isLoaded(page)) await (this.#loading.get(page) ?? this.#load(page))
    return this.#isLoaded(page) ? { page, offset: this.#offset(page, sequence) } : null
  }

  #offset(page: number, sequence: number): number {
    const lines = this.#cache.get(page)?.lines ?? []
    const offset = lines.findIndex((line) => (line?.sequence ?? 0) >= sequence)
    return offset < 0 ? lines.length : offset
  }

  /** A live line; false for one that is counted already. */
  append(entry: LogEntry): boolean {
    const place = this.plan.append(entry.sequence)
    if (place) this.#cache.append(place.page, place.offset, entry)
    return place !== null
  }

  /** The log's last lines, which were read for another reason. */
  takeTail({ entries, gaps }: HistoryPage): void {
    const oldest = entries[0]?.sequence ?? 0
    for (let page = this.plan.pageCount - 1; page >= 0; page--) {
      const range = this.plan.range(page)
      if (range.from < oldest && range.from > 1) break
      const within = entries.filter(({ sequence }) => range.from <= sequence && sequence <= range.to)
      if (within.length < range.total && this.source.isFiltered) break
      this.#take(page, range, within, gaps)
    }
  }

  /** Ask for the pages of some lines and those beside them; what was asked for before and is not under way is forgotten. */
  want(indexes: readonly number[]): void {
    const pages = new Set(indexes.map((index) => this.plan.place(index).page))
    if (!pages.size || this.source.life.aborted) return
    pages.add(Math.max(...pages) + 1)
    pages.add(Math.min(...pages) - 1)
    for (const page of pages) this.#cache.touch(page)
    this.#wanted = [...pages].filter((page) => page >= 0 && page < this.plan.pageCount && this.#isMissing(page))
    this.#loadNext()
  }

  #isLoaded(page: number): boolean {
    return (this.#cache.get(page)?.lines.length ?? 0) >= this.plan.range(page).total
  }

  #isMissing(page: number): boolean {
    return !this.#isLoaded(page) && !this.#loading.has(page)
  }

  #loadNext(): void {
    while (this.#loading.size < LOADS_MAX) {
      const page = this.#wanted.shift()
      if (page === undefined) return
      if (this.#isMissing(page)) void this.#load(page)
    }
  }

  #load(page: number): Promise<void> {
    const { life } = this.source
    const loading = this.#read(page)
      .catch(async (error) => {
        if (life.aborted) return
        if (isRefusal(error)) return this.source.refused(error)
        await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS))
      })
      .finally(() => {
        this.#loading.delete(page)
        if (life.aborted) return
        this.source.loaded()
        this.#loadNext()
      })
    this.#loading.set(page, loading)
    return loading
  }

  async #read(page: number): Promise<void> {
    const { epoch, life } = this.source
    const asked = { ...this.plan.range(page) }
    const entries: LogEntry[] = []
    const gaps: Gap[] = []
    let after = `${epoch}-${asked.from - 1}`
    while (entries.length < asked.total) {
      const limit = Math.min(asked.total - entries.length, REQUEST_LINES_MAX)
      const answer = await this.source.read({ after, limit, signal: life })
      if (life.aborted) return
      if (answer.epoch !== epoch) return this.source.restart()
      const within = answer.entries.filter(({ sequence }) => sequence <= asked.to)
      entries.push(...within)
      gaps.push(...answer.gaps)
      if (within.length < answer.entries.length || !answer.next || answer.next === after || !answer.hasNext) break
      if (Number(answer.next.split('-').pop()) >= asked.to) break
      after = answer.next
    }
    this.#take(page, asked, entries, gaps)
  }

  /** What the page held when it was asked for; lines that came since are counted, and the page is not whole without them. */
  #take(page: number, asked: PageRange, entries: LogEntry[], gaps: readonly Gap[]): void {
    if (this.source.isFiltered) {
      const since = this.plan.range(page).total - asked.total
      this.#cache.set(page, entries)
      if (this.plan.correct(page, entries.length + since)) this.source.recounted()
      return
    }
    const lines: (LogEntry | null)[] = new Array(asked.total).fill(null)
    for (const entry of entries) lines[entry.sequence - asked.from] = entry
    this.#cache.set(page, lines)
    this.source.gaps(gaps)
  }
}
