/**
 * Rows are lines without those that folds hide, and with notices between them.
 * Everything that makes rows differ from lines is a sorted list of exceptions, so a million lines cost nothing.
 * A model is a value: what changes rows makes another one.
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

/** What makes rows differ from lines. */
interface Exceptions<N> {
  notices: readonly Placed<N>[]
  noticeRows: readonly number[]
  hiddenFrom: readonly number[]
  hiddenTo: readonly number[]
  /** Lines hidden by all earlier runs. */
  hiddenBefore: readonly number[]
  hiddenCount: number
}

export class RowModel<N> {
  private constructor(
    private readonly lineCount: number,
    private readonly exceptions: Exceptions<N>,
  ) {}

  /** Overlapping and nested runs are merged; notices inside of one stand where it begins. */
  static of<N>(lineCount: number, hidden: readonly Hidden[], notices: readonly Placed<N>[]): RowModel<N> {
    const [hiddenFrom, hiddenTo, hiddenBefore]: [number[], number[], number[]] = [[], [], []]
    let hiddenCount = 0
    for (const { from, to } of [...hidden].sort((a, b) => a.from - b.from)) {
      const end = Math.min(to, lineCount)
      const previous = hiddenTo.length - 1
      const begin = Math.max(from, hiddenTo[previous] ?? 0)
      if (end <= begin) continue
      if (begin === hiddenTo[previous]) hiddenTo[previous] = end
      else {
        hiddenFrom.push(begin)
        hiddenTo.push(end)
        hiddenBefore.push(hiddenCount)
      }
      hiddenCount += end - begin
    }
    const sorted = [...notices].sort((a, b) => a.at - b.at)
    const noticeRows: number[] = []
    const rows = new RowModel<N>(lineCount, {
      notices: sorted,
      noticeRows,
      hiddenFrom,
      hiddenTo,
      hiddenBefore,
      hiddenCount,
    })
    noticeRows.push(...sorted.map(({ at }, order) => rows.#shown(Math.min(at, lineCount)) + order))
    return rows
  }

  /** The rows of more lines at the end; nothing else has changed. */
  grown(lineCount: number): RowModel<N> {
    const { notices, hiddenFrom, hiddenTo } = this.exceptions
    if (!notices.some(({ at }) => at > this.lineCount)) return new RowModel(lineCount, this.exceptions)
    const hidden = hiddenFrom.map((from, at) => ({ from, to: hiddenTo[at] as number }))
    return RowModel.of(lineCount, hidden, notices)
  }

  get rowCount() {
    return this.lineCount - this.exceptions.hiddenCount + this.exceptions.notices.length
  }

  at(row: number): RowPlace<N> {
    const before = lastAtOrBelow(this.exceptions.noticeRows, row)
    if (before >= 0 && this.exceptions.noticeRows[before] === row)
      return { kind: 'notice', notice: (this.exceptions.notices[before] as Placed<N>).notice }
    return { kind: 'line', index: this.#lineOf(row - before - 1) }
  }

  /** The row of a line; of a hidden one, that of the line which heads its fold. */
  rowOf(index: number): number {
    const shown = this.#isHidden(index) ? this.#shown(index) - 1 : this.#shown(index)
    // Notices stand in front of their line.
    const line = this.#lineOf(Math.max(shown, 0))
    let [low, high] = [0, this.exceptions.notices.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.exceptions.notices[middle] as Placed<N>).at <= line) low = middle + 1
      else high = middle
    }
    return Math.max(shown, 0) + low
  }

  #isHidden(index: number): boolean {
    const run = lastAtOrBelow(this.exceptions.hiddenFrom, index)
    return run >= 0 && index < (this.exceptions.hiddenTo[run] as number)
  }

  /** How many shown lines stand before a line. */
  #shown(index: number): number {
    const run = lastAtOrBelow(this.exceptions.hiddenFrom, index)
    if (run < 0) return index
    return (
      index -
      (this.exceptions.hiddenBefore[run] as number) -
      (Math.min(index, this.exceptions.hiddenTo[run] as number) - (this.exceptions.hiddenFrom[run] as number))
    )
  }

  /** The line that is the `shown`th of those that are shown. */
  #lineOf(shown: number): number {
    let [low, high] = [0, this.exceptions.hiddenFrom.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.exceptions.hiddenFrom[middle] as number) - (this.exceptions.hiddenBefore[middle] as number) <= shown)
        low = middle + 1
      else high = middle
    }
    const run = low - 1
    if (run < 0) return shown
    return (
      shown +
      (this.exceptions.hiddenBefore[run] as number) +
      (this.exceptions.hiddenTo[run] as number) -
      (this.exceptions.hiddenFrom[run] as number)
    )
  }
}
