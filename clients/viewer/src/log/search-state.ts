/** One search over the whole log: every match's sequence, as far as the gateway lists them, and which one is looked at. */

import { plain } from 'otto-logs/ansi'
import type { Matches } from 'otto-logs/history'
import { lastAtOrBelow } from './plan'

export class SearchState {
  readonly #needle: string
  #sequences: number[] = []
  #total = 0
  #upTo = 0
  #isComplete = false
  #isKnown = false
  /** Why the gateway has not answered; '' where it has, or still may. */
  failure = ''
  #current = -1

  constructor(
    readonly text: string,
    readonly sequencesMax = 200_000,
  ) {
    this.#needle = text.toLowerCase()
  }

  /** The sequences of all places that are known, ascending. */
  get sequences(): readonly number[] {
    return this.#sequences
  }

  get total() {
    return this.#total
  }

  get isComplete() {
    return this.#isComplete
  }

  /** Whether the gateway has answered. */
  get isKnown() {
    return this.#isKnown
  }

  /** Counting from 1; 0: none is looked at. */
  get ordinal() {
    return this.#current + 1
  }

  get current(): number | null {
    return this.#sequences[this.#current] ?? null
  }

  take(matches: Pick<Matches, 'total' | 'sequences' | 'isComplete' | 'lastSequence'>): void {
    const later = this.#sequences.filter((sequence) => sequence > matches.lastSequence)
    const current = this.current
    this.#sequences = [...matches.sequences, ...later]
    this.#total = matches.total + later.length
    this.#upTo = Math.max(this.#upTo, matches.lastSequence)
    this.#isComplete = matches.isComplete
    this.#isKnown = true
    this.failure = ''
    this.#current = current === null ? -1 : this.#sequences.indexOf(current)
  }

  /** A live line; lines up to where the gateway looked were counted by it. */
  see(sequence: number, message: string): boolean {
    if (!this.#needle || sequence <= this.#upTo || !message.toLowerCase().includes(this.#needle)) return false
    this.#upTo = sequence
    this.#total += 1
    if (this.#sequences.length < this.sequencesMax) this.#sequences.push(sequence)
    else this.#isComplete = false
    return true
  }

  /** Go to the next match behind the current one, or else at or behind `from`; around at the end. */
  next(from: number): number | null {
    const { length } = this.#sequences
    if (!length) return null
    this.#current =
      this.#current >= 0 ? (this.#current + 1) % length : (lastAtOrBelow(this.#sequences, from - 1) + 1) % length
    return this.current
  }

  previous(from: number): number | null {
    const { length } = this.#sequences
    if (!length) return null
    const at = this.#current >= 0 ? this.#current - 1 : lastAtOrBelow(this.#sequences, from)
    this.#current = (at + length) % length
    return this.current
  }

  /** Forget which match is looked at: the reader has gone elsewhere. */
  leave(): void {
    this.#current = -1
  }
}

/** Where the text occurs, whatever the case: pairs of offsets into `text`. */
export function occurrences(text: string, needle: string, most = 200): [number, number][] {
  if (!needle) return []
  const lower = text.toLowerCase()
  const searched = needle.toLowerCase()
  // Lower case can be longer than what it stands for (İ): then offsets would be wrong.
  if (lower.length !== text.length) return []
  const found: [number, number][] = []
  for (
    let at = lower.indexOf(searched);
    at >= 0 && found.length < most;
    at = lower.indexOf(searched, at + searched.length)
  ) {
    found.push([at, at + searched.length])
  }
  return found
}

/** Whether a line has it, as the reader sees the line. */
export function hasMatch(message: string, needle: string): boolean {
  return occurrences(plain(message), needle, 1).length > 0
}
