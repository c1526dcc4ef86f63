/**
 * One message as a terminal would leave it: cells with pens, a cursor, and what moves and erases. The screen is as high as
 * the message has lines and as wide as they need; a cell is a code point, a tab is one cell.
 */
import type { Terminal } from './escapes.ts'
import { type Pen, PLAIN, withLink, withSgr } from './pen.ts'

export interface Cell {
  /** '' where nothing was written, or it was erased. */
  text: string
  pen: Pen
}

const BLANK: Cell = { text: '', pen: PLAIN }
/** How far a sequence moves the cursor, as on a terminal of this width. */
const COLUMNS_MAX = 1000
/** Cells that sequences may touch for each character of a message: what one line can cost. */
const WORK_PER_CHARACTER = 16

export class Screen implements Terminal {
  readonly rows: Cell[][] = [[]]
  #row = 0
  #column = 0
  #pen: Pen = PLAIN
  #saved = { row: 0, column: 0, pen: PLAIN }
  #workLeft: number

  constructor(length: number) {
    this.#workLeft = COLUMNS_MAX + WORK_PER_CHARACTER * length
  }

  get #cells(): Cell[] {
    return this.rows[this.#row] as Cell[]
  }

  print(text: string): void {
    const cells = this.#cells
    this.#fill(cells, cells.length, this.#column)
    this.#column = Math.min(this.#column, cells.length)
    for (const character of text) cells[this.#column++] = { text: character, pen: this.#pen }
  }

  control(code: number): void {
    if (code === 0x0d) this.#column = 0
    else if (code === 0x08) this.#column = Math.max(this.#column - 1, 0)
    else if (code === 0x0a) this.#nextRow(0)
    else this.print(picture(code))
  }

  escape(final: string): void {
    if (final === '7') this.#save()
    else if (final === '8') this.#restore()
    else if (final === 'M') this.#moveTo(this.#row - 1, this.#column)
    else if (final === 'D') this.#nextRow(this.#column)
    else if (final === 'E') this.#nextRow(0)
    else if (final === 'c') {
      this.#eraseRows(0, this.rows.length)
      this.#moveTo(0, 0)
      this.#pen = PLAIN
    }
  }

  sequence(final: string, parameters: number[][]): void {
    const first = parameters[0]?.[0] ?? -1
    const count = Math.max(first, 1)
    const [row, column] = [this.#row, this.#column]
    if (final === 'm') this.#pen = withSgr(this.#pen, parameters)
    else if (final === 'A') this.#moveTo(row - count, column)
    else if (final === 'B' || final === 'e') this.#moveTo(row + count, column)
    else if (final === 'C' || final === 'a') this.#moveTo(row, column + count)
    else if (final === 'D') this.#moveTo(row, column - count)
    else if (final === 'E') this.#moveTo(row + count, 0)
    else if (final === 'F') this.#moveTo(row - count, 0)
    else if (final === 'G' || final === '`') this.#moveTo(row, count - 1)
    else if (final === 'd') this.#moveTo(count - 1, column)
    else if (final === 'H' || final === 'f') this.#moveTo(count - 1, Math.max(parameters[1]?.[0] ?? 1, 1) - 1)
    else if (final === 's') this.#save()
    else if (final === 'u') this.#restore()
    else this.#edit(final, Math.max(first, 0), count)
  }

  link(address: string): void {
    this.#pen = withLink(this.#pen, address)
  }

  #edit(final: string, kind: number, count: number): void {
    const cells = this.#cells
    const column = this.#column
    if (final === 'K') this.#eraseInRow(kind)
    else if (final === 'J') {
      if (kind === 0 || kind === 1) this.#eraseInRow(kind)
      if (kind === 0) this.#eraseRows(this.#row + 1, this.rows.length)
      else if (kind === 1) this.#eraseRows(0, this.#row)
      else if (kind === 2) this.#eraseRows(0, this.rows.length)
    } else if (final === 'X') this.#fill(cells, column, Math.min(column + count, cells.length))
    else if (final === 'P' && column < cells.length && this.#spend(cells.length - column)) cells.splice(column, count)
    else if (final === '@' && column < cells.length) {
      const blanks = Math.min(count, COLUMNS_MAX)
      if (this.#spend(cells.length - column + blanks)) cells.splice(column, 0, ...Array(blanks).fill(BLANK))
    }
  }

  /** 0: from the cursor on; 1: up to the cursor, included; 2: all of it. */
  #eraseInRow(kind: number): void {
    const cells = this.#cells
    if (kind === 0) cells.length = Math.min(cells.length, this.#column)
    else if (kind === 1) this.#fill(cells, 0, Math.min(this.#column + 1, cells.length))
    else if (kind === 2) cells.length = 0
  }

  #eraseRows(from: number, to: number): void {
    if (this.#spend(to - from)) for (let at = from; at < to; at++) this.rows[at] = []
  }

  #fill(cells: Cell[], from: number, to: number): void {
    if (to > from && this.#spend(to - from)) for (let at = from; at < to; at++) cells[at] = BLANK
  }

  #spend(cells: number): boolean {
    if (cells > this.#workLeft) return false
    this.#workLeft -= cells
    return true
  }

  #nextRow(column: number): void {
    if (this.#row + 1 === this.rows.length) this.rows.push([])
    this.#moveTo(this.#row + 1, column)
  }

  #moveTo(row: number, column: number): void {
    this.#row = Math.min(Math.max(row, 0), this.rows.length - 1)
    this.#column = Math.max(Math.min(column, Math.max(COLUMNS_MAX - 1, this.#cells.length)), 0)
  }

  #save(): void {
    this.#saved = { row: this.#row, column: this.#column, pen: this.#pen }
  }

  #restore(): void {
    this.#moveTo(this.#saved.row, this.#saved.column)
    this.#pen = this.#saved.pen
  }
}

function picture(code: number): string {
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  return code === 0x7f ? '\u2421' : '\ufffd'
}
