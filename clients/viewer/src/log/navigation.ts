/** Going through a log: to its ends, a line, the next error, a stage, what is searched. */
import type { Signal } from '@preact/signals'
import type { Level } from 'otto-logs'
import type { Words } from '../words/words'
import { SEVERE } from './filter'
import type { LogModel } from './log-model'
import type { RowWindow } from './row-window'
import type { Stage } from './stages'
import type { ViewState } from './view-state'

const TYPING_MILLISECONDS = 250

export interface NavigationState {
  model: LogModel
  view: Signal<ViewState>
  activeRow: Signal<number | null>
  isFollowing: Signal<boolean>
  /** What draws the rows, as long as they are on screen. */
  window(): RowWindow | null
  words(): Words['log']
  /** Rows may look different. */
  changed(): void
  change(change: Partial<ViewState>): void
  /** The reader goes somewhere. */
  moved(): void
  /** Extend the choice up to a line. */
  choose(sequence: number): void
  announce(text: string): void
  /** Show a text for a moment. */
  say(text: string): void
}

export class Navigation {
  #state: NavigationState
  #searching: ReturnType<typeof setTimeout> | undefined

  constructor(state: NavigationState) {
    this.#state = state
  }

  close(): void {
    clearTimeout(this.#searching)
  }

  // --- going somewhere ---

  follow(isFollowing: boolean): void {
    this.#state.isFollowing.value = isFollowing
  }

  toggleFollow(): void {
    this.follow(!this.#state.isFollowing.value)
  }

  toEnd(): void {
    this.#state.moved()
    this.#state.activeRow.value = null
    this.follow(true)
  }

  toStart(): void {
    this.#state.window()?.show(0, 0)
    this.#activate(0)
  }

  async to(sequence: number, isActive = true): Promise<void> {
    this.#state.moved()
    this.follow(false)
    const row = await this.#state.model.rowOf(sequence)
    this.#state.window()?.show(row)
    if (isActive) this.#state.activeRow.value = row
    this.#state.changed()
  }

  move(by: number, isExtending = false): void {
    const count = this.#state.model.rowCount
    if (!count) return
    const anchor = this.#state.window()?.anchor.row ?? 0
    const from =
      this.#state.activeRow.value ??
      (this.#state.isFollowing.value ? count - (by < 0 ? 0 : 1) : anchor - (by > 0 ? 1 : 0))
    const row = Math.min(Math.max(from + by, 0), count - 1)
    if (isExtending) this.#state.choose(this.#state.model.sequenceAt(row))
    this.#activate(row)
  }

  get pageRows(): number {
    return this.#state.window()?.pageRows ?? 20
  }

  #activate(row: number): void {
    this.#state.moved()
    this.#state.activeRow.value = row
    if (row < this.#state.model.rowCount - 1) this.follow(false)
    this.#state.window()?.reveal(row)
    this.#state.changed()
  }

  get place(): number {
    const active = this.#state.activeRow.value
    return this.#state.model.sequenceAt(active ?? (this.#state.window()?.anchor.row ?? 0) + 1)
  }

  /** The next or previous match of what is searched; without a search, error. */
  async toNext(isForward: boolean): Promise<void> {
    if (this.#state.view.value.search) await this.step(isForward)
    else await this.toLevel(SEVERE, isForward)
  }

  /** Go to what made the task fail. */
  async toCause(sequence: number): Promise<void> {
    await this.to(sequence)
    this.#state.announce(this.#state.words().announceLine(sequence))
  }

  /** Go to the lines of a stage; of one that failed, to its first error. */
  async toStage({ startTime, status }: Stage): Promise<void> {
    if (!startTime) return
    const error = status === 'FAILED' ? await this.#state.model.firstSince(startTime, SEVERE).catch(() => null) : null
    const sequence = error ?? (await this.#state.model.firstSince(startTime).catch(() => null))
    if (sequence !== null) await this.toCause(sequence)
  }

  async toLevel(levels: Level[], isForward: boolean): Promise<void> {
    const sequence = await this.#state.model.nearest(levels, this.place, isForward).catch(() => null)
    if (sequence === null) {
      const text = this.#state.words().noFurther(levels[0] as Level)
      this.#state.say(text)
      this.#state.announce(text)
      return
    }
    await this.to(sequence)
    this.#state.announce(this.#state.words().announceLine(sequence))
  }

  // --- search ---

  typeSearch(text: string): void {
    this.#state.change({ search: text })
    clearTimeout(this.#searching)
    this.#searching = setTimeout(() => void this.#find(text), TYPING_MILLISECONDS)
  }

  async #find(text: string): Promise<void> {
    if (this.#state.model.search.value?.text === text) return
    await this.#state.model.find(text)
    const found = this.#state.model.search.value
    if (found?.isKnown && found.text === text) this.#state.announce(this.#state.words().announceFound(found.total))
  }

  async step(isForward: boolean): Promise<void> {
    clearTimeout(this.#searching)
    const wanted = this.#state.view.value.search
    if (wanted !== (this.#state.model.search.value?.text ?? '')) await this.#find(wanted)
    const sequence = this.#state.model.step(isForward, this.place)
    if (sequence !== null) await this.to(sequence)
  }
}
