/** One task's log as the page sees it: what is stored, what comes, what is looked for, and the rows that they make. */
import { signal } from '@preact/signals'
import { type Gap, GatewayError, type Level, type LogEntry, type LogFilter } from 'otto-logs'
import type { Counts, HistoryPage, HistoryQuery } from 'otto-logs/history'
import { eventEnd, eventOf, unfoldedEvent } from './events'
import { isEmptyFilter } from './filter'
import { KnownNames } from './known-names'
import { LinePages } from './line-pages'
import { firstLineSince, nearestLine } from './line-places'
import { linesOf } from './line-range'
import { followLog, type LiveState, type LogSource } from './live-log'
import { LogCounts } from './log-counts'
import { type FoldedLog, LogFolds } from './log-folds'
import { type Notice, Notices } from './notices'
import { BucketPlan, PAGE_LINES, type Plan, SequencePlan } from './plan'
import { isRefusal } from './refusals'
import type { Row } from './row'
import { type Hidden, type Placed, RowModel } from './row-model'
import { TextSearch } from './text-search'
import type { LineRange } from './view-state'

export type Phase = 'loading' | 'open' | 'missing' | 'refused' | 'unreachable'

const COUNT_BUCKETS = 240
const PLAN_BUCKETS = 2000
const RETRY_MILLISECONDS = 1500

export class LogModel {
  readonly phase = signal<Phase>('loading')
  readonly refusal = signal<GatewayError | null>(null)
  readonly stream = signal<LiveState>('connecting')
  readonly status = signal('UNKNOWN')
  readonly lastSequence = signal(0)
  readonly firstSequence = signal(1)
  #counting = new LogCounts()
  readonly counts = this.#counting.counts
  #searching: TextSearch
  readonly search: TextSearch['state']
  #folding: LogFolds
  readonly folds: LogFolds['folds']
  readonly startTimestamp = signal<string | null>(null)
  /** Of the newest line. */
  readonly lastTimestamp = signal<string | null>(null)
  readonly #names = new KnownNames()
  readonly workers = this.#names.workers
  readonly sources = this.#names.sources
  /** Another one whenever rows may look different. */
  readonly rows = signal(RowModel.of<Notice>(0, [], []))
  /** How many lines came live. */
  readonly received = signal(0)
  /** How often everything was taken anew. */
  readonly restarts = signal(0)

  #source: LogSource
  #filter: LogFilter = {}
  #epoch = ''
  #notices = new Notices()
  #missing: Gap[] = []
  #unfollow: () => void = () => {}
  #life = new AbortController()
  #lines: LinePages

  constructor(source: LogSource) {
    this.#source = source
    this.#lines = this.#pagesOf(new SequencePlan(1, 0), this.#life.signal)
    this.#folding = new LogFolds((query) => this.#page(query), this.#foldedLog(this.#life.signal))
    this.folds = this.#folding.folds
    this.#searching = new TextSearch(source)
    this.search = this.#searching.state
  }

  get filter(): LogFilter {
    return this.#filter
  }

  get isFiltered(): boolean {
    return !isEmptyFilter(this.#filter)
  }

  get lineCount(): number {
    return this.#lines.lineCount
  }

  get rowCount(): number {
    return this.rows.value.rowCount
  }

  get cachedLines(): number {
    return this.#lines.size
  }

  downloadUrl(format: 'text' | 'ndjson', filter = this.#filter): string {
    return this.#source.stored.downloadUrl(this.#source.taskId, { filter, format })
  }

  close(): void {
    this.#life.abort()
    this.#searching.close()
    this.#unfollow()
    this.#counting.close()
  }

  /** Begin with a filter, or change it; what was known of lines goes, notices stay. */
  async open(filter: LogFilter): Promise<void> {
    this.#life.abort()
    this.#unfollow()
    const life = new AbortController()
    this.#life = life
    this.#filter = filter
    for (;;) {
      try {
        await this.#begin(life.signal)
        return
      } catch (error) {
        if (life.signal.aborted) return
        if (isRefusal(error)) {
          this.#refused(error)
          return
        }
        this.phase.value = 'unreachable'
        await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS))
        if (life.signal.aborted) return
      }
    }
  }

  async #begin(life: AbortSignal): Promise<void> {
    const isFiltered = this.isFiltered
    const ifStored = <T>(request: Promise<T>) =>
      request.catch((error) => {
        if (error instanceof GatewayError && error.status === 404) return null
        throw error
      })
    this.#counting.begin()
    const counting = ifStored(this.#counted(isFiltered ? PLAN_BUCKETS : COUNT_BUCKETS, life))
    counting.catch(() => {})
    const [tail, counts] = await Promise.all([
      ifStored(this.#page({ tail: 2 * PAGE_LINES, limit: 2 * PAGE_LINES, filter: this.#filter, signal: life })),
      isFiltered ? counting : null,
    ])
    if (life.aborted) return
    this.#missing = []
    this.#epoch = tail?.epoch ?? ''
    const first = tail?.firstSequence || 1
    const last = isFiltered ? (counts?.lastSequence ?? 0) : (tail?.lastSequence ?? 0)
    const plan = isFiltered ? new BucketPlan(counts?.buckets ?? [], last) : new SequencePlan(first, last)
    this.#lines = this.#pagesOf(plan, life)
    this.#folding.begin(this.#foldedLog(life))
    this.firstSequence.value = first
    this.lastSequence.value = last
    this.status.value = tail?.status ?? 'UNKNOWN'
    this.#notices.reread()
    if (first > 1) this.#notices.gap({ from: 1, to: first - 1, reason: 'retention' }, first)
    if (tail) {
      this.#lines.takeTail(tail)
      this.#names.see(tail.entries)
      this.lastTimestamp.value = tail.entries[tail.entries.length - 1]?.timestamp ?? null
    }
    this.phase.value = tail && last > 0 ? 'open' : 'missing'
    this.#arrange()
    this.#follow(last)
    void this.#counting.take(counting, life)
    void this.#counting.takeOtherLevels(this.#countedWithoutLevels(life), life)
    void this.#folding.find().then((isFound) => isFound && this.#arrange())
    void this.#findStart(life)
    if (this.search.value) void this.find(this.search.value.text)
  }

  #pagesOf(plan: Plan, life: AbortSignal): LinePages {
    return new LinePages(plan, {
      epoch: this.#epoch,
      isFiltered: this.isFiltered,
      read: (query) => this.#page({ ...query, filter: this.#filter }),
      life,
      loaded: () => this.#grow(),
      recounted: () => this.#arrange(),
      gaps: (gaps) => {
        for (const gap of gaps)
          if (gap.from >= this.firstSequence.value && gap.to <= this.lastSequence.value) this.#gap(gap)
      },
      restart: () => this.#restart(),
      refused: (error) => this.#refused(error),
    })
  }

  #follow(after: number): void {
    const position = this.#epoch ? `${this.#epoch}-${after}` : `${after}`
    this.#unfollow = followLog(this.#source, this.#filter, position, {
      entries: (batch) => this.#arrived(batch),
      gap: (gap) => this.#gap(gap),
      restart: () => this.#restart(),
      state: (state) => {
        const isBack = state === 'open' || state === 'complete'
        if (state === 'waiting' && this.#notices.wentOffline(this.lastSequence.value + 1, Date.now())) this.#arrange()
        if (isBack && this.#notices.cameBack(Date.now())) this.#arrange()
        this.stream.value = state
      },
      complete: ({ status, lastSequence }) => {
        this.status.value = status
        this.#notices.end(lastSequence + 1, status)
        this.#arrange()
      },
      refused: (error) => this.#refused(error),
    })
  }

  /** What was read before stays; without any line the page says why there is none. */
  #refused(error: GatewayError): void {
    this.refusal.value = error
    if (this.rowCount === 0) this.phase.value = 'refused'
  }

  #arrived(batch: LogEntry[]): void {
    let count = 0
    let hasMarker = false
    for (const entry of batch) {
      if (!this.#lines.append(entry)) continue
      count += 1
      this.#counting.add(entry)
      hasMarker = this.#folding.see(entry) || hasMarker
    }
    if (!count) return
    const last = batch[batch.length - 1] as LogEntry
    this.lastSequence.value = last.sequence
    // Lines that wait for a frame when the connection is lost were received before.
    const { offline } = this.#notices
    if (offline) offline.sequence = last.sequence + 1
    if (this.phase.value !== 'open') this.phase.value = 'open'
    if (this.startTimestamp.value === null) this.startTimestamp.value = (batch[0] as LogEntry).timestamp
    this.#names.see(batch)
    this.lastTimestamp.value = last.timestamp
    if (hasMarker || offline || this.isFiltered) this.#arrange()
    else this.#grow()
    this.#searching.see(batch)
    this.#counting.changed()
    this.received.value += count
  }

  #gap(gap: Gap): void {
    if (this.#missing.some(({ from, to }) => from <= gap.from && gap.to <= to)) return
    this.#missing.push(gap)
    this.#notices.gap(gap)
    this.#arrange()
  }

  #restart(): void {
    const { signal } = this.#life
    if (signal.aborted) return
    this.#notices.restart(Date.now())
    this.restarts.value += 1
    void this.open(this.#filter)
  }

  #arrange(): void {
    const indexAfter = (to: number) =>
      to >= this.lastSequence.value ? Number.MAX_SAFE_INTEGER : this.#lines.indexOf(to + 1)
    const missing = this.isFiltered ? [] : this.#missing
    const hidden: Hidden[] = [
      ...missing.map(({ from, to }) => ({ from: this.#lines.indexOf(from), to: indexAfter(to) })),
      ...this.#folding.hidden(this.lastSequence.value, indexAfter),
    ]
    const notices: Placed<Notice>[] = this.#notices.all.map((notice) => ({
      at: this.#lines.indexOf(notice.sequence),
      notice,
    }))
    this.rows.value = RowModel.of(this.lineCount, hidden, notices)
  }

  /** There are more lines at the end, or others are known; they stand where they stood. */
  #grow(): void {
    this.rows.value = this.rows.value.grown(this.lineCount)
  }

  #page(query: HistoryQuery): Promise<HistoryPage> {
    return this.#source.stored.history(this.#source.taskId, query)
  }

  #counted(buckets: number, life: AbortSignal): Promise<Counts> {
    return this.#source.stored.counts(this.#source.taskId, { filter: this.#filter, buckets, signal: life })
  }

  /** Of the same filter without its levels; null where it has none. */
  #countedWithoutLevels(life: AbortSignal): Promise<Counts> | null {
    const { levels, ...filter } = this.#filter
    if (!levels?.length) return null
    return this.#source.stored.counts(this.#source.taskId, { filter, buckets: 1, signal: life })
  }

  #foldedLog(life: AbortSignal): FoldedLog {
    return { filter: this.#filter, isFiltered: this.isFiltered, lines: this.#lines, life }
  }

  async #findStart(life: AbortSignal): Promise<void> {
    const page = await this.#page({ limit: 1, signal: life }).catch(() => null)
    if (life.aborted || !page?.entries[0]) return
    this.startTimestamp.value = page.entries[0].timestamp
    this.#names.see(page.entries)
  }

  // --- rows ---

  row(row: number): Row {
    const place = this.rows.value.at(row)
    if (place.kind === 'notice') return place
    const entry = this.#lines.entry(place.index)
    const group = entry && (this.folds.group(entry.sequence) ?? unfoldedEvent(place.index, this.#entryAt))
    if (!group) return { kind: 'line', index: place.index, entry, event: eventOf(place.index, this.#entryAt) }
    const isFolded = this.folds.isFolded(group.start)
    return { kind: 'line', index: place.index, entry, group, isFolded, folded: this.#folding.lineCount(group) }
  }

  #entryAt = (index: number) => this.#lines.entry(index)

  /** The lines of the event that begins at a sequence; null where none does. */
  eventAt(sequence: number): LineRange | null {
    const end = eventEnd(this.#lines.indexOf(sequence), this.#entryAt)
    return end === null ? null : { from: sequence, to: end }
  }

  /** The sequence of a row, or the nearest one that is known. */
  sequenceAt(row: number): number {
    const place = this.rows.value.at(Math.min(Math.max(row, 0), Math.max(this.rowCount - 1, 0)))
    return place.kind === 'notice' ? place.notice.sequence : this.#lines.sequenceAt(place.index)
  }

  /** Ask for the lines of some rows; what was asked for before and is not under way is forgotten. */
  want(firstRow: number, lastRow: number): void {
    const indexes: number[] = []
    for (let row = Math.max(firstRow, 0); row <= Math.min(lastRow, this.rowCount - 1); row++) {
      const place = this.rows.value.at(row)
      indexes.push(place.kind === 'line' ? place.index : this.#lines.indexOf(place.notice.sequence))
    }
    this.#lines.want(indexes)
  }

  // --- going somewhere ---

  /** The row of a sequence, or of the next one that passes the filter; loads what it needs to know that. */
  async rowOf(sequence: number): Promise<number> {
    if (this.isFiltered) await this.#lines.placeOf(sequence)
    if (this.folds.reveal(sequence)) this.#arrange()
    return this.rowNear(sequence)
  }

  /** The row of a sequence as far as that is known at once; folds stay. */
  rowNear(sequence: number): number {
    return this.rows.value.rowOf(Math.min(this.#lines.indexOf(sequence), Math.max(this.lineCount - 1, 0)))
  }

  /** The nearest line of some levels behind or in front of a line; of an event of several lines, the first. */
  nearest(levels: Level[], sequence: number, isForward: boolean): Promise<number | null> {
    return nearestLine(this.#reading, this.#filter, levels, `${this.#epoch}-${sequence}`, isForward)
  }

  /** The first line at or behind a time, of some levels where they are given; null: there is none. */
  firstSince(startTime: string, levels?: Level[]): Promise<number | null> {
    return firstLineSince(this.#reading, startTime, levels)
  }

  /** Reads pages until another filter is set. */
  get #reading() {
    const { signal } = this.#life
    return (query: HistoryQuery) => this.#page({ ...query, signal })
  }

  async toggleFold(start: number): Promise<boolean> {
    const event = this.folds.group(start) ? null : this.eventAt(start)
    if (event) this.folds.addEvent(event.from, event.to)
    const isChanged = await this.#folding.toggle(start)
    if (isChanged) this.#arrange()
    return isChanged
  }

  async foldAll(isFolded: boolean): Promise<void> {
    if (await this.#folding.setAll(isFolded)) this.#arrange()
  }

  /** The lines of a range that pass the filter, to be copied. */
  lines(range: LineRange): Promise<LogEntry[]> {
    const read = this.#reading
    return linesOf(range, this.#epoch, (query) => read({ ...query, filter: this.#filter }))
  }

  /** Look for a text in the whole log; '' ends the search. */
  find(text: string): Promise<void> {
    return this.#searching.find(text, this.#filter)
  }

  /** Go to the next or previous place of the search; its sequence. */
  step(isForward: boolean, from: number): number | null {
    return this.#searching.step(isForward, from)
  }
}
