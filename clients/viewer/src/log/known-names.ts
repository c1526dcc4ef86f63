/** Names of workers and sources that were seen in lines, for the choice of filters and columns. */
import { type Signal, signal } from '@preact/signals'
import type { LogEntry } from 'otto-logs'

const NAMES_MAX = 200

export class KnownNames {
  readonly workers = signal<readonly string[]>([])
  readonly sources = signal<readonly string[]>([])

  see(entries: readonly LogEntry[]): void {
    add(this.workers, entries, 'workerId')
    add(this.sources, entries, 'source')
  }
}

function add(known: Signal<readonly string[]>, entries: readonly LogEntry[], name: 'workerId' | 'source'): void {
  const seen = new Set(entries.map((entry) => entry[name]))
  const fresh = [...seen].filter((value) => value && !known.value.includes(value))
  if (fresh.length && known.value.length < NAMES_MAX) known.value = [...known.value, ...fresh].sort()
}
