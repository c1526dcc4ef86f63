/** The search for a text in one log: asks the gateway, and keeps its answer with what comes live. */
import { signal } from '@preact/signals'
import type { LogFilter } from 'otto-logs'
import type { LogSource } from './live-log'
import { SearchState } from './search-state'

const MATCHES_MAX = 100_000

export class TextSearch {
  readonly state = signal<SearchState | null>(null)
  /** Changes with what was found. */
  readonly version = signal(0)
  #source: LogSource
  #running: AbortController | null = null

  constructor(source: LogSource) {
    this.#source = source
  }

  close(): void {
    this.#running?.abort()
  }

  /** Look at a live line. */
  see(sequence: number, message: string): void {
    if (this.state.value?.see(sequence, message)) this.version.value += 1
  }

  /** Look for a text among the lines that pass a filter; '' ends the search. `began`: the state is the new one. */
  async find(text: string, filter: LogFilter, began: () => void): Promise<void> {
    this.#running?.abort()
    const running = new AbortController()
    this.#running = running
    const search = this.state.value?.text === text ? this.state.value : new SearchState(text)
    this.state.value = text ? search : null
    began()
    if (!text) return
    search.failure = ''
    const { signal } = running
    try {
      const query = { q: text, filter, limit: MATCHES_MAX, signal }
      const found = await this.#source.stored.matches(this.#source.taskId, query)
      if (!signal.aborted) search.take(found)
    } catch (error) {
      if (!signal.aborted) search.failure = error instanceof Error ? error.message : String(error)
    }
    if (!signal.aborted) this.version.value += 1
  }
}
