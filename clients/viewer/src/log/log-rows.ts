/** The rows of a log as the window draws them: what each looks like, and which have to be drawn again. */
import type { Signal } from '@preact/signals'
import { dayText } from '../data/zone'
import { repository, timeZone } from '../shell/preferences'
import type { Words } from '../words/words'
import { termsOf } from './filter-terms'
import type { IncidentMarks } from './incident-marks'
import type { LogModel } from './log-model'
import { drawRow, type RowLook } from './row-view'
import type { RowSource } from './row-window'
import { currentOf } from './search-state'
import { Clock } from './times'
import type { ViewState } from './view-state'

export interface LogRowsState {
  model: LogModel
  view: Signal<ViewState>
  activeRow: Signal<number | null>
  incidents: IncidentMarks
  /** The words in use, and their language. */
  words(): { t: Words; language: string }
  /** Told of the sequences at both ends of the screen. */
  seen(from: number, to: number): void
}

export class LogRows implements RowSource {
  #state: LogRowsState
  #look: RowLook | null = null
  #lookText = ''
  #lookVersion = 0

  constructor(state: LogRowsState) {
    this.#state = state
  }

  get rowCount(): number {
    return this.#state.model.rowCount
  }

  /** What a row looks like: it is drawn again where that has changed. */
  key(row: number): string {
    const { model, activeRow } = this.#state
    const what = model.row(row)
    const active = activeRow.value === row ? 'a' : ''
    if (what.kind === 'notice') {
      const { notice } = what
      return `${notice.key}${notice.kind === 'offline' ? notice.until : ''}${active}|${this.#lookVersion}`
    }
    const { entry } = what
    if (!entry) return `${entry === null ? 'missing' : 'loading'}${what.index}${active}`
    const chosen = this.#isChosen(entry.sequence) ? 'c' : ''
    const match = currentOf(model.search.value) === entry.sequence ? 'm' : ''
    const fold = what.group ? `${what.isFolded}${what.group.end}` : ''
    const event = what.event ? 'v' : ''
    const incidents = this.#state.incidents.at(entry.sequence).map(({ incident }) => `i${incident.id}`)
    return `${entry.sequence}${event}${incidents.join('')}${active}${chosen}${match}${fold}|${this.#lookVersion}`
  }

  draw(element: HTMLElement, row: number): void {
    this.#look ??= this.#newLook()
    drawRow(element, this.#state.model.row(row), row, this.#look)
  }

  want(first: number, last: number): void {
    const { model, seen } = this.#state
    model.want(first, last)
    seen(model.sequenceAt(first), model.sequenceAt(last))
  }

  /** Something that rows look like may have changed; those that look the same are left alone. */
  changed(): void {
    const { model, view, words } = this.#state
    const { time, hasWorkers, hasSources } = view.value
    const second = time === 'relative' ? Math.floor(Date.now() / 1000) : 0
    const start = time === 'elapsed' && model.startTimestamp.value
    const shown = [
      time,
      hasWorkers && this.#hasSeveralWorkers,
      hasSources,
      this.#hasDays,
      timeZone.value,
      repository.value,
      view.value.filter.expression,
    ]
    const text = [...shown, model.search.value?.text, words().language, second, start].join()
    if (text !== this.#lookText) {
      this.#lookText = text
      this.#lookVersion += 1
    }
    this.#look = null
  }

  #newLook(): RowLook {
    const { model, view, activeRow, words } = this.#state
    const { time, hasWorkers, hasSources } = view.value
    const start = model.startTimestamp.value
    const { t, language } = words()
    return {
      t: t.log,
      clock: new Clock(time, language, start ? Date.parse(start) : null, timeZone.value, this.#hasDays),
      now: Date.now(),
      search: model.search.value?.text ?? '',
      terms: termsOf(view.value.filter),
      match: currentOf(model.search.value),
      hasWorkers: hasWorkers && this.#hasSeveralWorkers,
      hasSources,
      repository: repository.value,
      incidentsAt: (sequence) => this.#state.incidents.at(sequence),
      incidentText: t.alerts.lineMark,
      isChosen: (sequence) => this.#isChosen(sequence),
      isActive: (row) => activeRow.value === row,
    }
  }

  /** One alone is named above the lines. */
  get #hasSeveralWorkers(): boolean {
    return this.#state.model.workers.value.length > 1
  }

  get #hasDays(): boolean {
    const { startTimestamp, lastTimestamp } = this.#state.model
    const [first, last] = [Date.parse(startTimestamp.value ?? ''), Date.parse(lastTimestamp.value ?? '')]
    return !Number.isNaN(first + last) && dayText(first, timeZone.value) !== dayText(last, timeZone.value)
  }

  #isChosen(sequence: number): boolean {
    const { lines } = this.#state.view.value
    return lines !== null && lines.from <= sequence && sequence <= lines.to
  }
}
