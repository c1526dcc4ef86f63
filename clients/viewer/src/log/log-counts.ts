/** How many lines a log has by level and time: what the gateway counted, and what came since. */
import { signal } from '@preact/signals'
import type { LogEntry } from 'otto-logs'
import type { Counts, LevelCounts } from 'otto-logs/history'
import { LineCounts } from './histogram'

const WAITING_MAX = 100_000
const CHANGED_MILLISECONDS = 250

export class LogCounts {
  readonly counts = signal(new LineCounts())
  /** Changes with the numbers. */
  readonly version = signal(0)
  #waiting: LogEntry[] | null = null
  #otherLevels: LevelCounts = {}
  #timer: ReturnType<typeof setTimeout> | undefined

  /** Lines by level; of those levels that the filter leaves out as many as there were when it was set. */
  get levels(): LevelCounts {
    return { ...this.#otherLevels, ...this.counts.value.levels }
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  /** The gateway counts: lines that come wait for its answer. */
  begin(): void {
    this.#waiting = []
  }

  add(entry: LogEntry): void {
    if (this.#waiting === null) this.counts.value.add(entry)
    else if (this.#waiting.length < WAITING_MAX) this.#waiting.push(entry)
  }

  /** Take the gateway's answer, and count what came meanwhile. */
  async take(counting: Promise<Counts | null>, life: AbortSignal): Promise<void> {
    const counts = await counting.catch(() => null)
    if (life.aborted) return
    this.counts.value = counts
      ? new LineCounts(counts.buckets, counts.levels, counts.total, counts.lastSequence)
      : new LineCounts()
    for (const entry of this.#waiting ?? []) this.counts.value.add(entry)
    this.#waiting = null
    this.version.value += 1
  }

  /** Take the counts of the levels that the filter leaves out; null: it leaves none out. */
  async takeOtherLevels(counting: Promise<Counts> | null, life: AbortSignal): Promise<void> {
    const counts = await counting?.catch(() => null)
    if (life.aborted) return
    this.#otherLevels = counts?.levels ?? {}
    this.version.value += 1
  }

  /** Numbers and bars change a few times a second at most: nobody reads faster, and lines come faster. */
  changed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.version.value += 1
    }, CHANGED_MILLISECONDS)
  }
}
