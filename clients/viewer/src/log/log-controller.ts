/** What the reader does with a log: where they look, what they chose, how lines are shown; the address follows. */
import { batch, computed, effect, signal, untracked } from '@preact/signals'
import type { Level, LogFilter } from 'otto-logs'
import { gateway } from 'otto-logs/history'
import type { Shell } from '../shell/contract'
import { Clipboard } from './clipboard'
import { LogModel } from './log-model'
import { LogRows } from './log-rows'
import { RowWindow, type WindowElements } from './row-window'
import { type LineRange, TIME_FORMATS, type ViewState, viewQuery, viewState } from './view-state'

const TYPING_MILLISECONDS = 250
const ARRIVALS_MILLISECONDS = 10_000
const ADDRESS_MILLISECONDS = 200

export class LogController {
  readonly model: LogModel
  readonly view = signal<ViewState>(viewState(new URLSearchParams()))
  readonly isFollowing = signal(true)
  /** Lines that came since the reader left the end. */
  readonly arrived = signal(0)
  readonly activeRow = signal<number | null>(null)
  /** The sequence at the upper edge, for the histogram. */
  readonly edge = signal({ from: 0, to: 0 })
  readonly isBusy = computed(() => this.model.phase.value === 'loading')
  #window: RowWindow | null = null
  #shell: Shell
  #language = 'en'
  #query: URLSearchParams
  #address: ReturnType<typeof setTimeout> | undefined
  #searching: ReturnType<typeof setTimeout> | undefined
  #ticking: ReturnType<typeof setInterval>
  #announced = -Infinity
  #rows: LogRows
  #clipboard = new Clipboard()
  readonly said = this.#clipboard.said
  #stop: () => void
  #pivot: number | null = null

  constructor(taskId: string, query: URLSearchParams, shell: Shell) {
    this.#shell = shell
    this.#query = query
    this.view.value = viewState(query)
    this.model = new LogModel({ options: shell.gateway, stored: gateway(shell.gateway), taskId })
    this.#rows = new LogRows({
      model: this.model,
      view: this.view,
      activeRow: this.activeRow,
      words: () => ({ t: this.#shell.t, language: this.#language }),
      seen: (from, to) => {
        this.edge.value = { from, to }
      },
    })
    this.model.onArrival = (count) => this.#arrivals(count)
    this.model.onRestart = () => this.#follow(true)
    this.isFollowing.value = this.view.value.lines === null
    this.#stop = effect(() => {
      void this.model.version.value
      void this.model.searchVersion.value
      void this.model.startTimestamp.value
      untracked(() => this.#changed())
    })
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
    this.#stop()
    this.model.close()
    this.#window?.close()
    clearTimeout(this.#address)
    clearTimeout(this.#searching)
    clearInterval(this.#ticking)
  }

  async #open(): Promise<void> {
    const { filter, lines, search } = this.view.value
    if (search) void this.model.find(search)
    await this.model.open(filter)
    if (this.mayEnter && (await this.enter())) return
    if (lines) await this.goTo(lines.from)
  }

  /** Whether the gateway has refused, and would not with another token. */
  get mayEnter(): boolean {
    return [401, 403].includes(this.model.refusal.value?.status ?? 0)
  }

  /** Ask for a token, and open the log anew; false where there is none. */
  async enter(): Promise<boolean> {
    if (!(await this.#shell.signIn(this.model.refusal.value?.message ?? ''))) return false
    this.model.refusal.value = null
    await this.#open()
    return true
  }

  attach(elements: WindowElements): () => void {
    const window = new RowWindow(elements, this.#rows)
    this.#window = window
    window.onFollow = (isFollowing) => {
      batch(() => {
        this.isFollowing.value = isFollowing
        if (isFollowing) this.arrived.value = 0
      })
    }
    window.setWrapped(this.view.value.isWrapped)
    if (this.isFollowing.value) window.follow(true)
    return () => {
      window.close()
      this.#window = null
    }
  }

  /** Draw again what is on screen. */
  #changed(): void {
    this.#rows.changed()
    this.#window?.invalidate()
  }

  #arrivals(count: number): void {
    if (this.isFollowing.value) return
    this.arrived.value += count
    const now = performance.now()
    if (now - this.#announced < ARRIVALS_MILLISECONDS) return
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
    clearTimeout(this.#address)
    this.#address = setTimeout(() => this.#writeAddress(), ADDRESS_MILLISECONDS)
  }

  #writeAddress(): void {
    const query = viewQuery(this.view.value, this.#query)
    this.#query = query
    const text = `${location.pathname}${query.size ? `?${query}` : ''}`
    if (text !== location.pathname + location.search) this.#shell.navigate(text, { replace: true })
  }

  /** The address changed by other means: back, forward, a link. */
  readAddress(query: URLSearchParams): void {
    if (
      query.toString() === this.#query.toString() ||
      viewQuery(this.view.value, query).toString() === viewQuery(viewState(query), query).toString()
    ) {
      this.#query = query
      return
    }
    this.#query = query
    const before = this.view.value
    this.view.value = viewState(query)
    const { filter, lines, search, isWrapped } = this.view.value
    this.#window?.setWrapped(isWrapped)
    this.#changed()
    if (search !== before.search) void this.model.find(search)
    if (JSON.stringify(filter) !== JSON.stringify(before.filter)) void this.#refilter(filter)
    else if (lines && JSON.stringify(lines) !== JSON.stringify(before.lines)) void this.goTo(lines.from)
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
    const pivot = this.isFollowing.value ? null : this.#place()
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

  #place(): { sequence: number; pixels: number; isActive: boolean } | null {
    if (this.#kept && this.#kept.anchor === this.#anchorText()) return this.#kept
    if (!this.#window || !this.model.rowCount) return null
    const active = this.activeRow.value
    const pixels = active === null ? null : this.#window.pixelsOf(active)
    if (active !== null && pixels !== null) return { sequence: this.model.sequenceAt(active), pixels, isActive: true }
    const { row, offset } = this.#window.anchor
    return { sequence: this.model.sequenceAt(row), pixels: -offset, isActive: false }
  }

  toggleLevel(level: Level): void {
    const chosen = new Set(this.view.value.filter.levels ?? [])
    if (!chosen.delete(level)) chosen.add(level)
    const { levels: _, ...rest } = this.view.value.filter
    this.setFilter(chosen.size ? { ...rest, levels: [...chosen] } : rest)
  }

  // --- going somewhere ---

  #follow(isFollowing: boolean): void {
    if (this.#window) this.#window.follow(isFollowing)
    else this.isFollowing.value = isFollowing
  }

  toggleFollow(): void {
    this.#follow(!this.isFollowing.value)
  }

  toEnd(): void {
    this.activeRow.value = null
    this.#follow(true)
  }

  toStart(): void {
    this.#window?.show(0, 0)
    this.#activate(0)
  }

  async goTo(sequence: number, isActive = true): Promise<void> {
    this.#follow(false)
    const row = await this.model.rowOf(sequence)
    this.#window?.show(row)
    if (isActive) this.activeRow.value = row
    this.#changed()
  }

  move(by: number, isExtending = false): void {
    const count = this.model.rowCount
    if (!count) return
    const anchor = this.#window?.anchor.row ?? 0
    const from = this.activeRow.value ?? (this.isFollowing.value ? count - (by < 0 ? 0 : 1) : anchor - (by > 0 ? 1 : 0))
    const row = Math.min(Math.max(from + by, 0), count - 1)
    if (isExtending) this.choose(this.model.sequenceAt(row), true)
    this.#activate(row)
  }

  get pageRows(): number {
    return this.#window?.pageRows ?? 20
  }

  #activate(row: number): void {
    this.activeRow.value = row
    if (row < this.model.rowCount - 1) this.#follow(false)
    this.#window?.reveal(row)
    this.#changed()
  }

  get place(): number {
    const active = this.activeRow.value
    return this.model.sequenceAt(active ?? (this.#window?.anchor.row ?? 0) + 1)
  }

  async toLevel(levels: Level[], isForward: boolean): Promise<void> {
    const sequence = await this.model.nearest(levels, this.place, isForward).catch(() => null)
    if (sequence === null) {
      this.#clipboard.say(this.#shell.t.log.noFurther(levels[0] as Level))
      this.#shell.announce(this.said.value)
      return
    }
    await this.goTo(sequence)
    this.#shell.announce(this.#shell.t.log.announceLine(sequence))
  }

  // --- search ---

  typeSearch(text: string): void {
    this.change({ search: text })
    clearTimeout(this.#searching)
    this.#searching = setTimeout(() => void this.#find(text), TYPING_MILLISECONDS)
  }

  async #find(text: string): Promise<void> {
    if (this.model.search.value?.text === text) return
    await this.model.find(text)
    const found = this.model.search.value
    if (found?.isKnown && found.text === text) this.#shell.announce(this.#shell.t.log.announceFound(found.total))
  }

  async step(isForward: boolean): Promise<void> {
    clearTimeout(this.#searching)
    const wanted = this.view.value.search
    if (wanted !== (this.model.search.value?.text ?? '')) await this.#find(wanted)
    const search = this.model.search.value
    if (!search) return
    const sequence = isForward ? search.next(this.place) : search.previous(this.place)
    this.model.searchVersion.value += 1
    if (sequence !== null) await this.goTo(sequence)
  }

  // --- choosing and copying ---

  choose(sequence: number, isExtending: boolean): void {
    const { lines } = this.view.value
    if (isExtending && lines) {
      const pivot = this.#pivot ?? lines.from
      this.change({ lines: { from: Math.min(pivot, sequence), to: Math.max(pivot, sequence) } })
      return
    }
    if (!isExtending && lines?.from === sequence && lines.to === sequence) {
      this.#pivot = null
      this.change({ lines: null })
      return
    }
    this.#pivot = sequence
    this.change({ lines: { from: sequence, to: sequence } })
    this.#follow(false)
  }

  chooseActive(): void {
    if (this.activeRow.value !== null) this.choose(this.model.sequenceAt(this.activeRow.value), false)
  }

  async copy(range: LineRange | null = this.view.value.lines): Promise<void> {
    if (range) await this.#clipboard.copyLines(this.model.lines(range), this.#shell)
  }

  async copyLink(): Promise<void> {
    this.#writeAddress()
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

  /** Undo the latest kind of narrowing. */
  clear(): boolean {
    const { lines, search } = this.view.value
    if (lines) this.change({ lines: null })
    else if (search) this.typeSearch('')
    else if (this.activeRow.value !== null) {
      this.activeRow.value = null
      this.#changed()
    } else return false
    return true
  }
}
