/** One task's log as the page sees it: what is stored, what comes, what is looked for, and the rows that they make. */
import { signal } from '@preact/signals'
import { type Gap, GatewayError, type Level, type LogEntry, type LogFilter } from 'otto-logs'
import type { Counts, HistoryPage, HistoryQuery, LevelCounts } from 'otto-logs/history'
import { isEmptyFilter } from './filter'
import { Folds, type Group, MARKER_TEXTS, markerOf } from './folds'
import { LineCounts } from './histogram'
import { LinePages } from './line-pages'
import { followLog, type LiveState, type LogSource } from './live-log'
import { BucketPlan, PAGE_LINES, type Place, type Plan, SequencePlan } from './plan'
import { isRefusal } from './refusals'
import { type Hidden, type Placed, RowModel } from './row-model'
import { SearchState } from './search-state'
import type { LineRange } from './view-state'

export type Notice =
  | { kind: 'gap'; key: string; sequence: number; gap: Gap }
  | { kind: 'offline'; key: string; sequence: number; since: number; until: number | null }
  | { kind: 'restart'; key: string; sequence: number; since: number }
  | { kind: 'end'; key: string; sequence: number; status: string }

export type Row =
  | { kind: 'notice'; notice: Notice }
  /** undefined: not loaded; null: no longer stored. */
  | {
      kind: 'line'
      index: number
      entry: LogEntry | null | undefined
      group?: Group
      isFolded?: boolean
      folded?: number
    }

export type Phase = 'loading' | 'open' | 'missing' | 'refused' | 'unreachable'

const NOTICES_MAX = 200
const COUNT_BUCKETS = 240
const PLAN_BUCKETS = 2000
const COPY_LINES_MAX = 50_000
const MATCHES_MAX = 100_000
const WAITING_MAX = 100_000
/** Groups that are folded at once under a filter: each may ask for a page. */
const FILTERED_FOLDS_MAX = 200
const MARKERS_PAGE = 10_000
const RETRY_MILLISECONDS = 1500
const COUNTS_MILLISECONDS = 250

export class LogModel {
  readonly phase = signal<Phase>('loading')
  readonly refusal = signal<GatewayError | null>(null)
  readonly stream = signal<LiveState>('connecting')
  readonly status = signal('UNKNOWN')
  /** Changes whenever rows may look different. */
  readonly version = signal(0)
  readonly lastSequence = signal(0)
  readonly firstSequence = signal(1)
  readonly counts = signal(new LineCounts())
  readonly countsVersion = signal(0)
  readonly search = signal<SearchState | null>(null)
  readonly searchVersion = signal(0)
  readonly startTimestamp = signal<string | null>(null)
  /** Workers and sources that were seen, for the choice of filters. */
  readonly workers = signal<readonly string[]>([])
  readonly sources = signal<readonly string[]>([])
  readonly rows = new RowModel<Notice>()
  readonly folds = new Folds()
  /** Told of every live batch: how many lines came. */
  onArrival: (count: number) => void = () => {}
  /** Told after everything was taken anew. */
  onRestart: () => void = () => {}

  #source: LogSource
  #filter: LogFilter = {}
  #epoch = ''
  #notices: Notice[] = []
  #missing: Gap[] = []
  #unfollow: () => void = () => {}
  #life = new AbortController()
  #lines: LinePages
  #uncounted: LogEntry[] | null = null
  #searching: AbortController | null = null
  #areMarkersKnown = false
  #waitingMarkers: LogEntry[] = []
  #foldPlaces = new Map<number, { from: Place; to: Place }>()

  constructor(source: LogSource) {
    this.#source = source
    this.#lines = this.#pagesOf(new SequencePlan(1, 0), this.#life.signal)
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
    return this.rows.rowCount
  }

  get cachedLines(): number {
    return this.#lines.size
  }

  get downloadUrl(): string {
    return this.#source.stored.downloadUrl(this.#source.taskId, { filter: this.#filter, format: 'text' })
  }

  close(): void {
    this.#life.abort()
    this.#searching?.abort()
    this.#unfollow()
    clearTimeout(this.#countsTold)
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
          this.refusal.value = error
          this.phase.value = 'refused'
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
    this.#uncounted = []
    const counting = ifStored(this.#counted(isFiltered ? PLAN_BUCKETS : COUNT_BUCKETS, life))
    counting.catch(() => {})
    const [tail, counts] = await Promise.all([
      ifStored(this.#page({ tail: 2 * PAGE_LINES, limit: 2 * PAGE_LINES, filter: this.#filter, signal: life })),
      isFiltered ? counting : null,
    ])
    if (life.aborted) return
    this.#missing = []
    this.folds.clear(isFiltered)
    this.#foldPlaces.clear()
    this.#areMarkersKnown = false
    this.#waitingMarkers = []
    this.#epoch = tail?.epoch ?? ''
    const first = tail?.firstSequence || 1
    const last = isFiltered ? (counts?.lastSequence ?? 0) : (tail?.lastSequence ?? 0)
    const plan = isFiltered ? new BucketPlan(counts?.buckets ?? [], last) : new SequencePlan(first, last)
    this.#lines = this.#pagesOf(plan, life)
    this.firstSequence.value = first
    this.lastSequence.value = last
    this.status.value = tail?.status ?? 'UNKNOWN'
    this.#notices = this.#notices.filter(({ kind }) => kind === 'offline' || kind === 'restart')
    if (first > 1)
      this.#notice({ kind: 'gap', key: 'gap-1', sequence: first, gap: { from: 1, to: first - 1, reason: 'retention' } })
    if (tail) {
      this.#lines.takeTail(tail)
      this.#seen(tail.entries)
    }
    this.phase.value = tail && last > 0 ? 'open' : 'missing'
    this.#arrange()
    this.#follow(last)
    void this.#count(counting, life)
    void this.#countOtherLevels(life)
    void this.#findMarkers(life)
    void this.#findStart(life)
    if (this.search.value) void this.find(this.search.value.text)
  }

  #pagesOf(plan: Plan, life: AbortSignal): LinePages {
    return new LinePages(plan, {
      epoch: this.#epoch,
      isFiltered: this.isFiltered,
      read: (query) => this.#page({ ...query, filter: this.#filter }),
      life,
      loaded: () => {
        this.version.value += 1
      },
      recounted: () => this.#arrange(),
      gaps: (gaps) => {
        for (const gap of gaps)
          if (gap.from >= this.firstSequence.value && gap.to <= this.lastSequence.value) this.#gap(gap)
      },
      restart: () => this.#restart(),
    })
  }

  #follow(after: number): void {
    const position = this.#epoch ? `${this.#epoch}-${after}` : `${after}`
    this.#unfollow = followLog(this.#source, this.#filter, position, {
      entries: (batch) => this.#arrived(batch),
      gap: (gap) => this.#gap(gap),
      restart: () => this.#restart(),
      state: (state) => {
        if (state === 'waiting') this.#wentOffline()
        if (state === 'open' || state === 'complete') this.#cameBack()
        this.stream.value = state
      },
      complete: ({ status, lastSequence }) => {
        this.status.value = status
        this.#notice({ kind: 'end', key: 'end', sequence: lastSequence + 1, status })
        this.#arrange()
      },
      refused: (error) => {
        this.refusal.value = error
        this.phase.value = 'refused'
      },
    })
  }

  #arrived(batch: LogEntry[]): void {
    let count = 0
    let hasMarker = false
    for (const entry of batch) {
      if (!this.#lines.append(entry)) continue
      count += 1
      if (this.#uncounted === null) this.counts.value.add(entry)
      else if (this.#uncounted.length < WAITING_MAX) this.#uncounted.push(entry)
      // Where a text is asked for, markers come that the stream leaves out.
      const marker = this.#filter.keywords?.length ? null : markerOf(entry.message)
      if (marker && this.#areMarkersKnown) hasMarker = this.folds.add(entry.sequence, marker) || hasMarker
      else if (marker) this.#waitingMarkers.push(entry)
      if (this.search.value?.see(entry.sequence, entry.message)) this.searchVersion.value += 1
    }
    if (!count) return
    const last = batch[batch.length - 1] as LogEntry
    this.lastSequence.value = last.sequence
    // Lines that wait for a frame when the connection is lost were received before.
    const offline = this.#offline
    if (offline) offline.sequence = last.sequence + 1
    if (this.phase.value !== 'open') this.phase.value = 'open'
    if (this.startTimestamp.value === null) this.startTimestamp.value = (batch[0] as LogEntry).timestamp
    this.#seen(batch)
    if (hasMarker || offline || this.isFiltered) this.#arrange()
    else {
      this.rows.grow(this.lineCount)
      this.version.value += 1
    }
    this.#countsChanged()
    this.onArrival(count)
  }

  #countsTold: ReturnType<typeof setTimeout> | undefined

  /** Numbers and bars change a few times a second at most: nobody reads faster, and lines come faster. */
  #countsChanged(): void {
    this.#countsTold ??= setTimeout(() => {
      this.#countsTold = undefined
      this.countsVersion.value += 1
    }, COUNTS_MILLISECONDS)
  }

  #seen(entries: readonly LogEntry[]): void {
    for (const [known, name] of [
      [this.workers, 'workerId'],
      [this.sources, 'source'],
    ] as const) {
      const fresh = [...new Set(entries.map((entry) => entry[name]))].filter(
        (value) => value && !known.value.includes(value),
      )
      if (fresh.length && known.value.length < 200) known.value = [...known.value, ...fresh].sort()
    }
  }

  #gap(gap: Gap): void {
    if (this.#missing.some(({ from, to }) => from <= gap.from && gap.to <= to)) return
    this.#missing.push(gap)
    this.#notice({ kind: 'gap', key: `gap-${gap.from}`, sequence: gap.from, gap })
    this.#arrange()
  }

  #restart(): void {
    const { signal } = this.#life
    if (signal.aborted) return
    this.#notices = []
    this.#notice({ kind: 'restart', key: `restart-${Date.now()}`, sequence: 0, since: Date.now() })
    this.onRestart()
    void this.open(this.#filter)
  }

  #wentOffline(): void {
    if (this.#offline) return
    this.#notice({
      kind: 'offline',
      key: `offline-${Date.now()}`,
      sequence: this.lastSequence.value + 1,
      since: Date.now(),
      until: null,
    })
    this.#arrange()
  }

  /** The time without a connection that is not over. */
  get #offline() {
    return this.#notices.find((notice) => notice.kind === 'offline' && notice.until === null) as
      | (Notice & { kind: 'offline' })
      | undefined
  }

  #cameBack(): void {
    const latest = this.#offline
    if (!latest) return
    const back = { ...latest, until: Date.now() }
    this.#notices = this.#notices.map((notice) => (notice === latest ? back : notice))
    this.#arrange()
  }

  #notice(notice: Notice): void {
    this.#notices = [...this.#notices.filter(({ key }) => key !== notice.key), notice].slice(-NOTICES_MAX)
  }

  #arrange(): void {
    const hidden: Hidden[] = []
    if (!this.isFiltered) {
      const behind = (to: number) =>
        to >= this.lastSequence.value ? Number.MAX_SAFE_INTEGER : this.#lines.indexOf(to + 1)
      for (const { from, to } of this.#missing) hidden.push({ from: this.#lines.indexOf(from), to: behind(to) })
      for (const { from, to } of this.folds.hidden(this.lastSequence.value))
        hidden.push({ from: this.#lines.indexOf(from), to: behind(to) })
    } else {
      for (const start of this.folds.folded) {
        const known = this.#foldPlaces.get(start)
        if (known) hidden.push({ from: this.#lines.indexAt(known.from), to: this.#lines.indexAt(known.to) })
      }
    }
    const notices: Placed<Notice>[] = this.#notices.map((notice) => ({
      at: this.#lines.indexOf(notice.sequence),
      notice,
    }))
    this.rows.arrange(this.lineCount, hidden, notices)
    this.version.value += 1
  }

  #page(query: HistoryQuery): Promise<HistoryPage> {
    return this.#source.stored.history(this.#source.taskId, query)
  }

  #counted(buckets: number, life: AbortSignal): Promise<Counts> {
    return this.#source.stored.counts(this.#source.taskId, { filter: this.#filter, buckets, signal: life })
  }

  async #count(counting: Promise<Counts | null>, life: AbortSignal): Promise<void> {
    const counts = await counting.catch(() => null)
    if (life.aborted) return
    this.counts.value = counts
      ? new LineCounts(counts.buckets, counts.levels, counts.total, counts.lastSequence)
      : new LineCounts()
    for (const entry of this.#uncounted ?? []) this.counts.value.add(entry)
    this.#uncounted = null
    this.countsVersion.value += 1
  }

  /** Lines by level; of those levels that the filter leaves out as many as there were when it was set. */
  get levels(): LevelCounts {
    return { ...this.#otherLevels, ...this.counts.value.levels }
  }

  #otherLevels: LevelCounts = {}
  async #countOtherLevels(signal: AbortSignal): Promise<void> {
    const { levels, ...filter } = this.#filter
    const counts = levels?.length
      ? await this.#source.stored.counts(this.#source.taskId, { filter, buckets: 1, signal }).catch(() => null)
      : null
    if (signal.aborted) return
    this.#otherLevels = counts?.levels ?? {}
    this.countsVersion.value += 1
  }

  async #findStart(life: AbortSignal): Promise<void> {
    const page = await this.#page({ limit: 1, signal: life }).catch(() => null)
    if (!life.aborted && page?.entries[0]) this.startTimestamp.value = page.entries[0].timestamp
  }

  async #findMarkers(life: AbortSignal): Promise<void> {
    let after: string | undefined
    try {
      for (;;) {
        const page = await this.#page({
          ...(after ? { after } : {}),
          limit: MARKERS_PAGE,
          filter: { ...this.#filter, keywords: [...MARKER_TEXTS] },
          signal: life,
        })
        if (life.aborted) return
        this.#takeMarkers(page.entries)
        if (!page.hasNext || !page.next || page.next === after || this.folds.size >= this.folds.groupsMax) break
        after = page.next
      }
    } catch {
      if (life.aborted) return // otherwise the log is shown without folds
    }
    this.#takeMarkers(this.#waitingMarkers)
    this.#waitingMarkers = []
    this.#areMarkersKnown = true
    this.#arrange()
  }

  #takeMarkers(entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      const marker = markerOf(entry.message)
      if (marker) this.folds.add(entry.sequence, marker, this.#hasText(entry))
    }
  }

  #hasText({ message }: LogEntry): boolean {
    const text = message.toLowerCase()
    return this.#filter.keywords?.some((keyword) => text.includes(keyword.toLowerCase())) ?? true
  }

  // --- rows ---

  row(row: number): Row {
    const place = this.rows.at(row)
    if (place.kind === 'notice') return place
    const entry = this.#lines.entry(place.index)
    const group = entry ? this.folds.group(entry.sequence) : undefined
    if (!group) return { kind: 'line', index: place.index, entry }
    const isFolded = this.folds.isFolded(group.start)
    return { kind: 'line', index: place.index, entry, group, isFolded, folded: this.#foldedLines(group) }
  }

  /** The sequence of a row, or the nearest one that is known. */
  sequenceAt(row: number): number {
    const place = this.rows.at(Math.min(Math.max(row, 0), Math.max(this.rowCount - 1, 0)))
    return place.kind === 'notice' ? place.notice.sequence : this.#lines.sequenceAt(place.index)
  }

  /** Ask for the lines of some rows; what was asked for before and is not under way is forgotten. */
  want(firstRow: number, lastRow: number): void {
    const indexes: number[] = []
    for (let row = Math.max(firstRow, 0); row <= Math.min(lastRow, this.rowCount - 1); row++) {
      const place = this.rows.at(row)
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
    return this.rows.rowOf(Math.min(this.#lines.indexOf(sequence), Math.max(this.lineCount - 1, 0)))
  }

  /** The nearest line of some levels behind or in front of a line. */
  async nearest(levels: Level[], sequence: number, isForward: boolean): Promise<number | null> {
    const position = `${this.#epoch}-${sequence}`
    const filter = { ...this.#filter, levels: this.#filter.levels?.filter((level) => levels.includes(level)) ?? levels }
    if (!filter.levels.length) return null
    const page = await this.#page({
      ...(isForward ? { after: position } : { before: position }),
      limit: 1,
      filter,
      signal: this.#life.signal,
    })
    return page.entries[0]?.sequence ?? null
  }

  async toggleFold(start: number): Promise<boolean> {
    const group = this.folds.group(start)
    if (!group) return false
    if (this.isFiltered) await this.#placeFold(group)
    const isChanged = this.folds.toggle(start)
    if (isChanged) this.#arrange()
    return isChanged
  }

  async foldAll(isFolded: boolean): Promise<void> {
    this.folds.setAll(isFolded, this.isFiltered ? FILTERED_FOLDS_MAX : undefined)
    const { signal } = this.#life
    if (this.isFiltered) {
      for (const start of [...this.folds.folded]) {
        const group = this.folds.group(start)
        if (group) await this.#placeFold(group)
        if (signal.aborted) return
      }
    }
    this.#arrange()
  }

  /**
   * Which lines a group holds under a filter. Only pages that are loaded say that exactly; a place in one stays true when
   * other pages are counted anew, or leave the memory.
   */
  async #placeFold({ start, end }: Group): Promise<void> {
    if (end === null || this.#foldPlaces.has(start)) return
    const { signal } = this.#life
    const from = await this.#lines.placeOf(start + 1)
    const to = await this.#lines.placeOf(end + 1)
    if (from && to && !signal.aborted) this.#foldPlaces.set(start, { from, to })
  }

  /** How many lines a group's fold hides. */
  #foldedLines({ start, end }: Group): number {
    const known = this.#foldPlaces.get(start)
    if (this.isFiltered) return known ? this.#lines.indexAt(known.to) - this.#lines.indexAt(known.from) : 0
    return end === null ? 0 : end - start
  }

  /** The lines of a range that pass the filter, to be copied. */
  async lines({ from, to }: LineRange): Promise<LogEntry[]> {
    const entries: LogEntry[] = []
    let after = `${this.#epoch}-${from - 1}`
    while (entries.length < COPY_LINES_MAX) {
      const page = await this.#page({
        after,
        limit: Math.min(to - from + 1, 5000),
        filter: this.#filter,
        signal: this.#life.signal,
      })
      entries.push(...page.entries.filter(({ sequence }) => sequence <= to))
      const last = page.entries[page.entries.length - 1]?.sequence ?? to
      if (!page.hasNext || !page.next || page.next === after || last >= to) break
      after = page.next
    }
    return entries
  }

  /** Look for a text in the whole log; '' ends the search. */
  async find(text: string): Promise<void> {
    this.#searching?.abort()
    const searching = new AbortController()
    this.#searching = searching
    if (!text) {
      this.search.value = null
      this.version.value += 1
      return
    }
    const search = this.search.value?.text === text ? this.search.value : new SearchState(text)
    this.search.value = search
    this.version.value += 1
    search.failure = ''
    const { signal } = searching
    try {
      const query = { q: text, filter: this.#filter, limit: MATCHES_MAX, signal }
      const found = await this.#source.stored.matches(this.#source.taskId, query)
      if (!signal.aborted) search.take(found)
    } catch (error) {
      if (!signal.aborted) search.failure = error instanceof Error ? error.message : String(error)
    }
    if (!signal.aborted) this.searchVersion.value += 1
  }
}
