/** Chosen lines: which they are, and what is copied of them. */
import type { Signal } from '@preact/signals'
import type { LineRange, ViewState } from './view-state'

export interface SelectionState {
  view: Signal<ViewState>
  change(change: Partial<ViewState>): void
  /** The lines of the event that begins at a sequence, which are chosen together. */
  eventAt(sequence: number): LineRange | null
}

export class Selection {
  #state: SelectionState
  #pivot: number | null = null

  constructor(state: SelectionState) {
    this.#state = state
  }

  /** Choose a line, with its event where it begins one, or extend to it; choosing the same again ends that. */
  choose(sequence: number, isExtending: boolean): void {
    const { view, change, eventAt } = this.#state
    const { lines } = view.value
    if (isExtending && lines) {
      const pivot = this.#pivot ?? lines.from
      change({ lines: { from: Math.min(pivot, sequence), to: Math.max(pivot, sequence) } })
      return
    }
    const chosen = eventAt(sequence) ?? { from: sequence, to: sequence }
    if (!isExtending && lines?.from === chosen.from && lines.to === chosen.to) {
      this.#pivot = null
      change({ lines: null })
      return
    }
    this.#pivot = sequence
    change({ lines: chosen })
  }
}
