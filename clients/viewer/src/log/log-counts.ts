/** How many lines a log has by level and time: what the gateway counted, and what came since. */
import { signal } from '@preact/signals'
import type { LogEntry } from 'otto-logs'
import type { Bucket, Counts, LevelCounts } from 'otto-logs/history'
import { LineCounts } from './histogram'

const WAITING_MAX = 100_000
const CHANGED_MILLISECONDS = 500

export interface CountedLines {
  readonly buckets: readonly Bucket[]
  readonly levels: LevelCounts
  /** Also of those levels that the filter leaves out: as many as there were when it was set. */
  readonly allLevels: LevelCounts
  readonly total: number
}

export class LogCounts {
  #counted = new LineCounts()
  #waiting: LogEntry[] | null = null
  #otherLevels: LevelCounts = {}
  #timer: ReturnType<typeof setTimeout> | undefined
  readonly counts = signal<CountedLines>({ buckets: [], levels: {}, allLevels: {}, total: 0 })

  close(): void {
    clearTimeout(this.#timer)
  }

  /** The gateway counts: lines that come wait for its answer. */
  begin(): void {
    this.#waiting = []
  }

  add(entry: LogEntry): void {
    if (this.#waiting === null) this.#counted.add(entry)
    else if (this.#waiting.length < WAITING_MAX) this.#waiting.push(entry)
  }

  /** Take the gateway's answer, and count what came meanwhile. */
  async take(counting: Promise<Counts | null>, life: AbortSignal): Promise<void> {
    const counts = await counting.catch(() => null)
    if (life.aborted) return
    this.#counted = counts
      ? new LineCounts(counts.buckets, counts.levels, counts.total, counts.lastSequence)
      : new LineCounts()
    for (const entry of this.#waiting ?? []) this.#counted.add(entry)
    this.#waiting = null
    this.#show()
  }

  /** Take the counts of the levels that the filter leaves out; null: it leaves none out. */
  async takeOtherLevels(counting: Promise<Counts> | null, life: AbortSignal): Promise<void> {
    const counts = await counting?.catch(() => null)
    if (life.aborted) return
    this.#otherLevels = counts?.levels ?? {}
    this.#show()
  }

  /** Numbers and bars change twice a second at most: nobody reads faster, and lines come faster. */
  changed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#show()
    }, CHANGED_MILLISECONDS)
  }

  #show(): void {
    const snapshot = this.#counted.snapshot()
    this.counts.value = { ...snapshot, allLevels: { ...this.#otherLevels, ...snapshot.levels } }
  }
}
