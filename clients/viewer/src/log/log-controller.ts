/** What the reader does with a log: where they look, what they chose, how lines are shown; the address follows. */
import { computed, signal } from '@preact/signals'
import type { Level, LogEntry, LogFilter } from 'otto-logs'
import { gateway } from 'otto-logs/history'
import { incidentsOfTask } from '../data/task-incidents'
import type { Shell } from '../shell/contract'
import { density, repository, timeZone } from '../shell/preferences'
import { AddressSync } from './address-sync'
import { Clipboard } from './clipboard'
import { SEVERE } from './filter'
import { type Bar, timesOf } from './histogram'
import { IncidentMarks } from './incident-marks'
import { LogModel } from './log-model'
import { LogRows } from './log-rows'
import { Navigation } from './navigation'
import { openingOf } from './opening'
import { RowWindow, type WindowElements } from './row-window'
import { Selection } from './selection'
import { readStages, StageWatch } from './stages'
import { Failure, readSummary } from './summary'
import { type LineRange, TIME_FORMATS, type ViewState, viewState } from './view-state'
import { whenChanged } from './when-changed'

const ARRIVALS_MILLISECONDS = 10_000
/** What a reader moves lines with, besides keys. */
const MOVES = ['wheel', 'touchmove', 'pointerdown']

export class LogController {
  readonly model: LogModel
  readonly view = signal<ViewState>(viewState(new URLSearchParams()))
  readonly isFollowing = signal(true)
  /** Lines that came since the reader left the end. */
  readonly arrived = computed(() =>
    this.isFollowing.value ? 0 : this.model.received.value - this.#receivedAtEnd.value,
  )
  readonly activeRow = signal<number | null>(null)
  /** The sequence at the upper edge, for the histogram. */
  readonly edge = signal({ from: 0, to: 0 })
  /** Whether it is still being found out where the page opens. */
  readonly isPlacing = signal(false)
  readonly go: Navigation
  /** The line of which all is shown. */
  readonly detailed = signal<LogEntry | null>(null)
  readonly stages: StageWatch
  readonly failure: Failure
  readonly incidents: IncidentMarks
  #window: RowWindow | null = null
  #shell: Shell
  #language = 'en'
  #address: AddressSync
  #ticking: ReturnType<typeof setInterval>
  #announced = -Infinity
  #receivedAtEnd = signal(0)
  #rows: LogRows
  #clipboard = new Clipboard()
  readonly said = this.#clipboard.said
  #selection: Selection
  #stop: (() => void)[]

  constructor(taskId: string, query: URLSearchParams, shell: Shell) {
    this.#shell = shell
    this.#address = new AddressSync(query)
    this.view.value = viewState(query)
    this.model = new LogModel({ options: shell.gateway, stored: gateway(shell.gateway), taskId })
    const pipeline = this.view.value.pipeline ?? taskId
    const isOver = () => this.isOver
    this.stages = new StageWatch((signal) => readStages(pipeline, signal), isOver)
    this.failure = new Failure((signal) => readSummary(taskId, signal))
    this.incidents = new IncidentMarks((signal) => incidentsOfTask(taskId, signal), isOver)
    this.go = new Navigation({
      model: this.model,
      view: this.view,
      activeRow: this.activeRow,
      isFollowing: this.isFollowing,
      window: () => this.#window,
      words: () => this.#shell.t.log,
      changed: () => this.#changed(),
      change: (change) => this.change(change),
      choose: (sequence) => this.choose(sequence, true),
      moved: this.failure.moved,
      announce: (text) => this.#shell.announce(text),
      say: (text) => this.#clipboard.say(text),
    })
    this.#selection = new Selection({
      view: this.view,
      change: (change) => this.change(change),
      eventAt: (sequence) => this.model.eventAt(sequence),
    })
    this.#rows = new LogRows({
      model: this.model,
      view: this.view,
      activeRow: this.activeRow,
      incidents: this.incidents,
      words: () => ({ t: this.#shell.t, language: this.#language }),
      seen: (from, to) => this.#seen(from, to),
    })
    this.isFollowing.value = this.view.value.lines === null
    const { model } = this
    this.#stop = [
      whenChanged(
        [model.rows, model.search, model.startTimestamp, timeZone, repository, this.incidents.incidents],
        () => this.#changed(),
      ),
      whenChanged([density], () => this.#window?.resized()),
      whenChanged([model.status], () => {
        if (model.status.value === 'FAILED') void this.failure.read()
      }),
      whenChanged([model.restarts], () => {
        if (model.restarts.value) this.go.follow(true)
      }),
      whenChanged([model.received, this.isFollowing], () => this.#arrivals()),
    ]
    this.#ticking = setInterval(() => {
      if (this.view.value.time === 'relative' && !document.hidden) this.#changed()
    }, 1000)
    void this.#open()
  }

  get shell() {
    return this.#shell
  }

  /** The words and the callbacks may change with the language. */
  speak(shell: Shell, language: string): void {
    this.#shell = shell
    if (language === this.#language) return
    this.#language = language
    this.#changed()
  }

  close(): void {
    for (const stop of this.#stop) stop()
    for (const each of [this.model, this.stages, this.failure, this.incidents, this.#address, this.go]) each.close()
    this.#window?.close()
    clearInterval(this.#ticking)
  }

  /** Whether the task has ended. */
  get isOver(): boolean {
    return !['RUNNING', 'UNKNOWN'].includes(this.model.status.value)
  }

  async #open(): Promise<void> {
    const { filter, lines, search } = this.view.value
    if (search) void this.model.find(search)
    await this.model.open(filter)
    if (this.mayEnter && (await this.enter())) return
    if (lines) await this.go.to(lines.from)
    else if (this.isFollowing.value && this.isOver) await this.#place()
  }

  /** Go to where a task that is over is read first. */
  async #place(): Promise<void> {
    this.isPlacing.value = this.model.status.value === 'FAILED'
    const sources = {
      stages: this.stages,
      failure: this.failure,
      firstErrorSince: (startTime: string) => this.model.firstSince(startTime, SEVERE),
    }
    const opening = await openingOf(this.model.status.value, sources, (sequence) => {
      if (this.isFollowing.value) void this.#openAt(sequence) // else the reader has gone elsewhere
    })
    if (opening === 'start') {
      this.go.follow(false)
      this.#window?.show(0, 0)
    } else if (opening === 'end') this.go.follow(true)
    else await this.#openAt(opening.sequence)
    this.isPlacing.value = false
    this.failure.fold(false)
  }

  async #openAt(sequence: number): Promise<void> {
    await this.go.to(sequence)
    this.failure.fold(false)
    void this.failure.takeOpened(sequence, (at) => this.model.lines(this.model.eventAt(at) ?? { from: at, to: at }))
  }

  #seen(from: number, to: number): void {
    this.edge.value = { from, to }
    this.failure.seen(from)
  }

  /** Whether the gateway has refused, and would not with another token. */
  get mayEnter(): boolean {
    return [401, 403].includes(this.model.refusal.value?.status ?? 0)
  }

  /** Ask for a token, and open the log anew where it is being read; false where there is none. */
  async enter(): Promise<boolean> {
    if (!(await this.#shell.signIn(this.model.refusal.value?.message ?? ''))) return false
    this.model.refusal.value = null
    if (this.model.rowCount) await this.#refilter(this.view.value.filter)
    else await this.#open()
    return true
  }

  attach(elements: WindowElements): () => void {
    const window = new RowWindow(elements, this.#rows, this.isFollowing)
    this.#window = window
    window.setWrapped(this.view.value.isWrapped)
    const { moved } = this.failure
    for (const type of MOVES) elements.scroller.addEventListener(type, moved, { passive: true })
    return () => {
      for (const type of MOVES) elements.scroller.removeEventListener(type, moved)
      window.close()
      this.#window = null
    }
  }

  /** Draw again what is on screen. */
  #changed(): void {
    this.#rows.changed()
    this.#window?.invalidate()
  }

  #arrivals(): void {
    if (this.isFollowing.value) this.#receivedAtEnd.value = this.model.received.value
    const now = performance.now()
    if (!this.arrived.value || now - this.#announced < ARRIVALS_MILLISECONDS) return
    this.#announced = now
    this.#shell.announce(this.#shell.t.log.announceArrived(this.arrived.value))
  }

  // --- the view and its address ---

  change(change: Partial<ViewState>): void {
    const before = this.view.value
    this.view.value = { ...before, ...change }
    if (change.isWrapped !== undefined) this.#window?.setWrapped(change.isWrapped)
    this.#changed()
    this.#window?.forget()
    this.#address.later(
      () => this.view.value,
      () => this.#shell,
    )
  }

  /** The address changed by other means: back, forward, a link. */
  readAddress(query: URLSearchParams): void {
    const before = this.view.value
    const view = this.#address.read(query, before)
    if (!view) return
    this.view.value = view
    const { filter, lines, search, isWrapped } = this.view.value
    this.#window?.setWrapped(isWrapped)
    this.#changed()
    if (search !== before.search) void this.model.find(search)
    if (JSON.stringify(filter) !== JSON.stringify(before.filter)) void this.#refilter(filter)
    else if (lines && JSON.stringify(lines) !== JSON.stringify(before.lines)) void this.go.to(lines.from)
  }

  setFilter(filter: LogFilter): void {
    this.change({ filter })
    void this.#refilter(filter)
  }

  /**
   * The line that is looked at stays where it is on the screen, or the next one that passes does. Filter upon filter
   * keeps the first one's line, as long as nobody scrolls.
   */
  async #refilter(filter: LogFilter): Promise<void> {
    const pivot = this.isFollowing.value ? null : this.#lookedAt()
    this.activeRow.value = null
    await this.model.open(filter)
    if (pivot) {
      const row = await this.model.rowOf(pivot.sequence)
      this.#window?.showAt(row, pivot.pixels)
      if (pivot.isActive && this.model.sequenceAt(row) === pivot.sequence) this.activeRow.value = row
      this.#kept = { ...pivot, anchor: this.#anchorText() }
    }
    this.#window?.forget()
    this.#shell.announce(this.#shell.t.log.announceFiltered(this.model.lineCount))
  }

  #kept: { sequence: number; pixels: number; isActive: boolean; anchor: string } | null = null

  #anchorText(): string {
    const anchor = this.#window?.anchor
    return anchor ? `${anchor.row} ${Math.round(anchor.offset)}` : ''
  }

  #lookedAt(): { sequence: number; pixels: number; isActive: boolean } | null {
    if (this.#kept && this.#kept.anchor === this.#anchorText()) return this.#kept
    if (!this.#window || !this.model.rowCount) return null
    const active = this.activeRow.value
    const pixels = active === null ? null : this.#window.pixelsOf(active)
    if (active !== null && pixels !== null) return { sequence: this.model.sequenceAt(active), pixels, isActive: true }
    const { row, offset } = this.#window.anchor
    return { sequence: this.model.sequenceAt(row), pixels: -offset, isActive: false }
  }

  /** Only lines of the times of some bars of the histogram. */
  setRange(bars: readonly Bar[], one: number, other: number): void {
    const times = timesOf(bars, one, other)
    if (times) this.setFilter({ ...this.view.value.filter, ...times })
  }

  clearRange(): void {
    const { startTime, endTime, ...rest } = this.view.value.filter
    if (startTime || endTime) this.setFilter(rest)
  }

  /** The lines around one that a filter shows, without the filter. */
  async showAround(sequence: number): Promise<void> {
    this.change({ filter: {} })
    await this.model.open({})
    await this.go.to(sequence)
  }

  toggleLevel(level: Level): void {
    const chosen = new Set(this.view.value.filter.levels ?? [])
    if (!chosen.delete(level)) chosen.add(level)
    const { levels: _, ...rest } = this.view.value.filter
    this.setFilter(chosen.size ? { ...rest, levels: [...chosen] } : rest)
  }

  choose(sequence: number, isExtending: boolean): void {
    this.#selection.choose(sequence, isExtending)
    if (!isExtending && this.view.value.lines) this.go.follow(false)
  }

  chooseActive(): void {
    if (this.activeRow.value !== null) this.choose(this.model.sequenceAt(this.activeRow.value), false)
  }

  async copy(range: LineRange | null = this.view.value.lines): Promise<void> {
    if (range) await this.#clipboard.copyLines(this.model.lines(range), this.#shell)
  }

  /** Show a text for a moment. */
  say(text: string): void {
    this.#clipboard.say(text)
  }

  async copyLink(): Promise<void> {
    this.#address.write(this.view.value, this.#shell)
    await this.#clipboard.copyLink(location.href, this.#shell)
  }

  toggleFold(start: number | null): void {
    const row = this.activeRow.value
    const what = start === null && row !== null ? this.model.row(row) : null
    const group = start ?? (what?.kind === 'line' ? what.group?.start : undefined)
    if (group === undefined) return
    const top = this.isFollowing.value ? null : this.model.sequenceAt(this.#window?.anchor.row ?? 0)
    void this.model.toggleFold(group).then((isChanged) => {
      if (isChanged) this.#rearranged(top)
    })
  }

  foldAll(): void {
    const top = this.isFollowing.value ? null : this.model.sequenceAt(this.#window?.anchor.row ?? 0)
    const { folds } = this.model
    const isFolding = [...folds.groups].some(({ start }) => folds.group(start) && !folds.isFolded(start))
    void this.model.foldAll(isFolding).then(() => this.#rearranged(top))
  }

  #rearranged(top: number | null): void {
    this.activeRow.value = null
    if (top !== null) this.#window?.place(this.model.rowNear(top))
    this.#window?.forget()
  }

  nextTime(): void {
    const at = TIME_FORMATS.indexOf(this.view.value.time)
    this.change({ time: TIME_FORMATS[(at + 1) % TIME_FORMATS.length] ?? 'absolute' })
  }

  /** Show all of a line, of the active or the chosen one where none is named; the same again hides it. */
  detail(sequence: number | null): void {
    const named = sequence ?? (this.activeRow.value === null ? this.view.value.lines?.from : undefined)
    const row = named === undefined ? this.activeRow.value : this.model.rowNear(named)
    const what = row === null ? null : this.model.row(row)
    const entry = what?.kind === 'line' ? (what.entry ?? null) : null
    this.detailed.value = entry?.sequence === this.detailed.value?.sequence ? null : entry
  }

  /** Undo the latest kind of narrowing. */
  clear(): boolean {
    const { lines, search } = this.view.value
    if (this.detailed.value) this.detailed.value = null
    else if (lines) this.change({ lines: null })
    else if (search) this.go.typeSearch('')
    else if (this.activeRow.value !== null) {
      this.activeRow.value = null
      this.#changed()
    } else return false
    return true
  }
}
