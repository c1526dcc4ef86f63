/** The search for a text in one log: asks the gateway, and keeps its answer with what comes live. */
import { signal } from '@preact/signals'
import type { LogEntry, LogFilter } from 'otto-logs'
import type { LogSource } from './live-log'
import { currentOf, type SearchState, searchFor, stepped, withLines, withMatches } from './search-state'

const MATCHES_MAX = 100_000

export class TextSearch {
  readonly state = signal<SearchState | null>(null)
  #source: LogSource
  #running: AbortController | null = null

  constructor(source: LogSource) {
    this.#source = source
  }

  close(): void {
    this.#running?.abort()
  }

  #change(change: (search: SearchState) => SearchState): void {
    if (this.state.value) this.state.value = change(this.state.value)
  }

  /** Look at live lines. */
  see(entries: readonly LogEntry[]): void {
    this.#change((search) => withLines(search, entries))
  }

  /** Look for a text among the lines that pass a filter; '' ends the search. */
  async find(text: string, filter: LogFilter): Promise<void> {
    this.#running?.abort()
    const running = new AbortController()
    this.#running = running
    const before = this.state.value
    this.state.value = text ? { ...(before?.text === text ? before : searchFor(text)), failure: '' } : null
    if (!text) return
    const { signal } = running
    try {
      const query = { q: text, filter, limit: MATCHES_MAX, signal }
      const found = await this.#source.stored.matches(this.#source.taskId, query)
      if (!signal.aborted) this.#change((search) => withMatches(search, found))
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error)
      if (!signal.aborted) this.#change((search) => ({ ...search, failure }))
    }
  }

  /** Go to the next or previous place, from a sequence where none is looked at; its sequence. */
  step(isForward: boolean, from: number): number | null {
    this.#change((search) => stepped(search, isForward, from))
    return currentOf(this.state.value)
  }
}
