/** The lines that a tab with a connection can pass on to the others. */
import { splitPosition } from './sse.ts'
import type { Gap, LogEntry } from './types.ts'

/** All lines that match behind `floor`, the last `size` of them at least. */
export class Shelf {
  epoch: string | undefined
  #lines: LogEntry[] = []
  /** Infinite until the first line has shown where a tail begins. */
  #floor: number
  #size: number
  /** The tail that was asked for, as long as all of it is here or still to come. */
  #tail: number | undefined

  constructor(size: number, after: string | undefined, tail: number | undefined) {
    this.#size = size
    const [epoch, sequence] = splitPosition(after)
    this.epoch = epoch
    this.#floor = tail !== undefined ? Number.POSITIVE_INFINITY : sequence || 0
    this.#tail = tail
  }

  add(entries: LogEntry[]): void {
    if (this.#floor === Number.POSITIVE_INFINITY) this.#floor = entries[0]!.sequence - 1
    this.#lines = this.#lines.concat(entries)
    if (this.#lines.length <= 2 * this.#size) return
    this.#floor = this.#lines.splice(0, this.#lines.length - this.#size).at(-1)!.sequence
    this.#tail = undefined
  }

  /** The lines are gone for everyone; who is in front of them has to hear of it from the gateway. */
  miss(gap: Gap): void {
    this.#floor = Math.max(gap.to, this.#floor === Number.POSITIVE_INFINITY ? 0 : this.#floor)
    this.#tail = undefined
  }

  restart(epoch: string): void {
    this.epoch = epoch
    this.#lines = []
    this.#floor = 0
    this.#tail = undefined
  }

  /** What somebody at this place lacks; undefined where some of it is not here. */
  behind(after: string | undefined, tail: number | undefined): LogEntry[] | undefined {
    if (tail !== undefined) {
      const first = this.#lines.length - tail
      // The same tail, asked for before its first lines are here, or in a log that is shorter: the rest comes to both.
      const isHere = first >= 0 || !this.#floor || tail === this.#tail
      return isHere ? this.#lines.slice(Math.max(first, 0)) : undefined
    }
    const [epoch, sequence] = splitPosition(after)
    const from = epoch && this.epoch && epoch !== this.epoch ? 0 : sequence || 0
    return from >= this.#floor ? this.#lines.filter((entry) => entry.sequence > from) : undefined
  }
}
