/** Why a task failed, as the gateway sums it up. */
import { signal } from '@preact/signals'
import type { LogEntry } from 'otto-logs'
import { plain } from 'otto-logs/ansi'
import type { RunSummary } from 'otto-logs/history'
import { read } from '../data/requests'

export type { RunSummary } from 'otto-logs/history'

const CHARACTERS = 8000
const MOVED_LINES = 3

/** Read the summary of a task; null where the gateway gives none, or the reader may not have it. */
export function readSummary(taskId: string, signal: AbortSignal): Promise<RunSummary | null> {
  const path = `/api/v1/log-streaming/logs/${encodeURIComponent(taskId)}/summary?characters=${CHARACTERS}`
  return read<RunSummary>(path, { signal, isOptional: true }).catch(() => null)
}

/** The line that a failed task opens at; null: nothing in it says why. */
export function decisiveLine({ cause, firstError }: RunSummary): number | null {
  return cause?.firstSequence ?? firstError?.sequence ?? null
}

/** At most `most` lines of a cause: where it begins, and its end, where most tools say what is wrong. */
export function shownLines(lines: readonly string[], most: number): string[] {
  // Rules around a title, as pytest draws them, say nothing.
  const said = lines
    .map((line) => line.replace(/^[_=*-]{3,} | [_=*-]{3,}$/g, ''))
    .filter((line) => /[^\s_=*-]/.test(line))
  if (said.length <= most) return said
  if (most <= 3) return said.slice(-most)
  return [said[0] as string, '…', ...said.slice(said.length - most + 2)]
}

/** The summary of one task: read once, when it is wanted first; shown as a card, or folded to a button. */
export class Failure {
  readonly summary = signal<RunSummary | null>(null)
  readonly isOpen = signal(true)
  #reading: Promise<RunSummary | null> | undefined
  #isMoved = false
  #before = 0
  #life = new AbortController()
  #read: (signal: AbortSignal) => Promise<RunSummary | null>

  constructor(read: (signal: AbortSignal) => Promise<RunSummary | null>) {
    this.#read = read
  }

  read(): Promise<RunSummary | null> {
    this.#reading ??= this.#read(this.#life.signal).then((found) => {
      if (!this.#life.signal.aborted) this.summary.value = found
      return found
    })
    return this.#reading
  }

  /**
   * What is shown as the cause: that of the summary, or the event at `opened`, where the page has opened, if the former
   * is in front of it. Then it is of a stage that went on.
   */
  async takeOpened(opened: number, linesAt: (sequence: number) => Promise<LogEntry[]>): Promise<void> {
    const summary = await this.read()
    const known = summary && decisiveLine(summary)
    if (!summary || (known !== null && known >= opened)) return
    const lines = await linesAt(opened).catch(() => [])
    if (!lines.length || this.#life.signal.aborted) return
    const [firstSequence, lastSequence] = [opened, lines[lines.length - 1]?.sequence ?? opened]
    const texts = lines.map(({ message }) => plain(message))
    const workerId = lines[0]?.workerId ?? ''
    const cause = { rule: 'stage', headline: '', workerId, firstSequence, lastSequence, lines: texts }
    this.summary.value = { ...summary, cause }
  }

  /** The reader goes somewhere. */
  moved = (): void => {
    this.#isMoved = true
  }

  /** The first line on screen is another: the card makes room where it is the reader who has moved. */
  seen(sequence: number): void {
    if (!this.summary.value || !this.isOpen.value) return
    // Before that, what the card itself takes moves the lines.
    if (!this.#isMoved) this.#before = sequence
    else if (Math.abs(sequence - this.#before) > MOVED_LINES) this.fold(true)
  }

  /** Fold the card to a button, or show it again. */
  fold(isFolded: boolean): void {
    this.#isMoved = false
    this.isOpen.value = !isFolded
  }

  close(): void {
    this.#life.abort()
  }
}
