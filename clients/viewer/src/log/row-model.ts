/**
 * Rows are lines without those that folds hide, and with notices between them.
 * Everything that makes rows differ from lines is a sorted list of exceptions, so a million lines cost nothing.
 */
import { lastAtOrBelow } from './plan'

export interface Hidden {
  /** Line indexes, from ≤ i < to. */
  from: number
  to: number
}

export interface Placed<N> {
  /** The line index in front of which it stands. */
  at: number
  notice: N
}

export type RowPlace<N> = { kind: 'line'; index: number } | { kind: 'notice'; notice: N }

export class RowModel<N> {
  #lineCount = 0
  #notices: Placed<N>[] = []
  #noticeRows: number[] = []
  #hiddenFrom: number[] = []
  #hiddenTo: number[] = []
  #hiddenBefore: number[] = [] // lines hidden by all earlier runs
  #hiddenCount = 0

  /** Take everything anew. Overlapping and nested runs are merged; notices inside of one stand where it begins. */
  arrange(lineCount: number, hidden: readonly Hidden[], notices: readonly Placed<N>[]): void {
    this.#lineCount = lineCount
    this.#hiddenFrom = []
    this.#hiddenTo = []
    this.#hiddenBefore = []
    this.#hiddenCount = 0
    for (const { from, to } of [...hidden].sort((a, b) => a.from - b.from)) {
      const end = Math.min(to, lineCount)
      const previous = this.#hiddenTo.length - 1
      const begin = Math.max(from, this.#hiddenTo[previous] ?? 0)
      if (end <= begin) continue
      if (begin === this.#hiddenTo[previous]) this.#hiddenTo[previous] = end
      else {
        this.#hiddenFrom.push(begin)
        this.#hiddenTo.push(end)
        this.#hiddenBefore.push(this.#hiddenCount)
      }
      this.#hiddenCount += end - begin
    }
    this.#notices = [...notices].sort((a, b) => a.at - b.at)
    this.#noticeRows = this.#notices.map(({ at }, order) => this.#shown(Math.min(at, lineCount)) + order)
  }

  /** More lines at the end; nothing else changed. */
  grow(lineCount: number): void {
    if (this.#notices.some(({ at }) => at > this.#lineCount)) this.arrange(lineCount, this.#runs(), this.#notices)
    else this.#lineCount = lineCount
  }

  get rowCount() {
    return this.#lineCount - this.#hiddenCount + this.#notices.length
  }

  at(row: number): RowPlace<N> {
    const before = lastAtOrBelow(this.#noticeRows, row)
    if (before >= 0 && this.#noticeRows[before] === row)
      return { kind: 'notice', notice: (this.#notices[before] as Placed<N>).notice }
    return { kind: 'line', index: this.#lineOf(row - before - 1) }
  }

  /** The row of a line; of a hidden one, that of the line which heads its fold. */
  rowOf(index: number): number {
    const shown = this.#isHidden(index) ? this.#shown(index) - 1 : this.#shown(index)
    // Notices stand in front of their line.
    const line = this.#lineOf(Math.max(shown, 0))
    let [low, high] = [0, this.#notices.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#notices[middle] as Placed<N>).at <= line) low = middle + 1
      else high = middle
    }
    return Math.max(shown, 0) + low
  }

  #runs(): Hidden[] {
    return this.#hiddenFrom.map((from, at) => ({ from, to: this.#hiddenTo[at] as number }))
  }

  #isHidden(index: number): boolean {
    const run = lastAtOrBelow(this.#hiddenFrom, index)
    return run >= 0 && index < (this.#hiddenTo[run] as number)
  }

  /** How many shown lines stand before a line. */
  #shown(index: number): number {
    const run = lastAtOrBelow(this.#hiddenFrom, index)
    if (run < 0) return index
    return (
      index -
      (this.#hiddenBefore[run] as number) -
      (Math.min(index, this.#hiddenTo[run] as number) - (this.#hiddenFrom[run] as number))
    )
  }

  /** The line that is the `shown`th of those that are shown. */
  #lineOf(shown: number): number {
    let [low, high] = [0, this.#hiddenFrom.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#hiddenFrom[middle] as number) - (this.#hiddenBefore[middle] as number) <= shown) low = middle + 1
      else high = middle
    }
    const run = low - 1
    if (run < 0) return shown
    return (
      shown + (this.#hiddenBefore[run] as number) + (this.#hiddenTo[run] as number) - (this.#hiddenFrom[run] as number)
    )
  }
}
