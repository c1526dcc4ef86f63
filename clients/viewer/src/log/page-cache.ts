/** The lines around what is being looked at: pages, least recently wanted first out, bounded by lines and by characters. */
import type { LogEntry } from 'otto-logs'

export interface Page {
  /** null: the gateway said that this line no longer exists. */
  lines: (LogEntry | null)[]
  characters: number
}

const CHARACTERS_PER_LINE = 200 // what an entry weighs besides its message

export class PageCache {
  #pages = new Map<number, Page>()
  #characters = 0
  #lines = 0

  constructor(
    readonly linesMax = 40_000,
    readonly charactersMax = 24_000_000,
  ) {}

  get lines() {
    return this.#lines
  }

  get size() {
    return this.#pages.size
  }

  get(page: number): Page | undefined {
    return this.#pages.get(page)
  }

  /** Say that a page is being looked at. */
  touch(page: number): void {
    const known = this.#pages.get(page)
    if (!known) return
    this.#pages.delete(page)
    this.#pages.set(page, known)
  }

  set(page: number, lines: (LogEntry | null)[]): void {
    this.delete(page)
    const characters = lines.reduce((sum, line) => sum + weight(line), 0)
    this.#pages.set(page, { lines, characters })
    this.#characters += characters
    this.#lines += lines.length
    this.#evict(page)
  }

  /** A live line behind all that the page holds; false where the page does not reach up to it. */
  append(page: number, offset: number, line: LogEntry): boolean {
    const known = this.#pages.get(page)
    if (!known) {
      if (offset !== 0) return false
      this.set(page, [line])
      return true
    }
    if (known.lines.length !== offset) return false
    known.lines.push(line)
    known.characters += weight(line)
    this.#characters += weight(line)
    this.#lines += 1
    return true
  }

  delete(page: number): void {
    const known = this.#pages.get(page)
    if (!known) return
    this.#pages.delete(page)
    this.#characters -= known.characters
    this.#lines -= known.lines.length
  }

  clear(): void {
    this.#pages.clear()
    this.#characters = this.#lines = 0
  }

  #evict(kept: number): void {
    for (const page of this.#pages.keys()) {
      if (this.#lines <= this.linesMax && this.#characters <= this.charactersMax) return
      if (page !== kept) this.delete(page)
    }
  }
}

function weight(line: LogEntry | null): number {
  return CHARACTERS_PER_LINE + (line?.message.length ?? 0)
}
