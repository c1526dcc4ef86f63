/** What stands between lines: gaps, times without a connection, a journal that began anew, the end of the task. */
import type { Gap } from 'otto-logs'

export type Notice =
  | { kind: 'gap'; key: string; sequence: number; gap: Gap }
  | { kind: 'offline'; key: string; sequence: number; since: number; until: number | null }
  | { kind: 'restart'; key: string; sequence: number; since: number }
  | { kind: 'end'; key: string; sequence: number; status: string }

type Offline = Notice & { kind: 'offline' }

const NOTICES_MAX = 200

/** The newest notices of a log, each with the sequence that it stands in front of. */
export class Notices {
  #all: readonly Notice[] = []

  get all(): readonly Notice[] {
    return this.#all
  }

  /** Add a notice, in the place of the one with its key. */
  put(notice: Notice): void {
    this.#all = [...this.#all.filter(({ key }) => key !== notice.key), notice].slice(-NOTICES_MAX)
  }

  /** Keep those of the connection alone: the lines are read anew. */
  reread(): void {
    this.#all = this.#all.filter(({ kind }) => kind === 'offline' || kind === 'restart')
  }

  /** The journal began anew: nothing of before is said any more. */
  restart(now: number): void {
    this.#all = [{ kind: 'restart', key: `restart-${now}`, sequence: 0, since: now }]
  }

  gap(gap: Gap, sequence = gap.from): void {
    this.put({ kind: 'gap', key: `gap-${gap.from}`, sequence, gap })
  }

  end(sequence: number, status: string): void {
    this.put({ kind: 'end', key: 'end', sequence, status })
  }

  /** The time without a connection that is not over. */
  get offline(): Offline | undefined {
    return this.#all.find((notice): notice is Offline => notice.kind === 'offline' && notice.until === null)
  }

  /** The connection is lost; false where that is known. */
  wentOffline(sequence: number, now: number): boolean {
    if (this.offline) return false
    this.put({ kind: 'offline', key: `offline-${now}`, sequence, since: now, until: null })
    return true
  }

  /** It is there again; false where it was not lost. */
  cameBack(now: number): boolean {
    const latest = this.offline
    if (!latest) return false
    this.#all = this.#all.map((notice) => (notice === latest ? { ...latest, until: now } : notice))
    return true
  }
}
