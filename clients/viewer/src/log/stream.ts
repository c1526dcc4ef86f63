/** A task's live lines: from a stream where one of the few connections is free, asked for again and again otherwise. */
import { GatewayError, type GatewayOptions, openLogStream } from 'otto-logs'
import { gateway, type HistoryPage } from 'otto-logs/history'
import type { Gap, LogEntry, LogFilter } from './entry'
import { isRefusal } from './refusals'
import { takeSlot } from './stream-slots'

export type StreamState = 'connecting' | 'open' | 'waiting' | 'complete' | 'closed'

export interface StreamHandlers {
  entries(batch: LogEntry[]): void
  gap(gap: Gap): void
  /** The journal began another life, or was set back: what follows are its lines from the first on. */
  restart(): void
  state(state: StreamState): void
  complete(end: { status: string; lastSequence: number }): void
  refused(error: GatewayError): void
}

export interface StreamStart {
  gateway: GatewayOptions
  taskId: string
  filter: LogFilter
  epoch: string
  after: number
}

const POLL_PAUSE = 1000
const POLL_LINES = 5000
const BACKOFF = { min: 400, max: 8000 }

export class Stream {
  #abort = new AbortController()
  #position: string

  constructor(
    private readonly start: StreamStart,
    private readonly handlers: StreamHandlers,
  ) {
    this.#position = start.epoch ? `${start.epoch}-${start.after}` : String(start.after)
    void this.#run()
  }

  close(): void {
    this.#abort.abort()
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort
    this.handlers.state('connecting')
    while (!signal.aborted) {
      const release = await takeSlot()
      try {
        if (signal.aborted) return
        if (release) return await this.#stream()
        if (await this.#poll()) return
      } finally {
        release?.()
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_PAUSE))
    }
  }

  /** Until the end of the task, or of this. */
  #stream(): Promise<void> {
    const { gateway, taskId, filter } = this.start
    const { handlers } = this
    const { signal } = this.#abort
    const stream = openLogStream({ ...gateway, taskId, filter, after: this.#position, backoff: BACKOFF, signal })
    return new Promise((resolve) => {
      stream.on('entries', handlers.entries)
      stream.on('gap', handlers.gap)
      stream.on('complete', handlers.complete)
      stream.on('restart', () => {
        this.close()
        handlers.restart()
      })
      stream.on('error', (error) => {
        if (!signal.aborted) handlers.refused(error)
      })
      stream.on('state', ({ kind }) => {
        if (!signal.aborted) handlers.state(kind)
        if (kind === 'complete' || kind === 'closed') resolve()
      })
    })
  }

  /** What came since, without a connection of one's own; whether that was the end. */
  async #poll(): Promise<boolean> {
    try {
      return await this.#pollAll()
    } catch (error) {
      if (this.#abort.signal.aborted) return true
      if (isRefusal(error)) {
        this.handlers.refused(error)
        this.handlers.state('closed')
        return true
      }
      this.handlers.state('waiting')
      return false
    }
  }

  async #pollAll(): Promise<boolean> {
    for (;;) {
      const page = await this.#page()
      if (this.#abort.signal.aborted) return true
      if (page && this.start.epoch && page.epoch !== this.start.epoch) {
        this.close()
        this.handlers.restart()
        return true
      }
      this.handlers.state('open')
      if (!page) return false
      for (const gap of page.gaps) this.handlers.gap(gap)
      if (page.entries.length) this.handlers.entries(page.entries)
      if (page.next) this.#position = page.next
      if (page.hasNext && page.next) continue
      if (page.status === 'RUNNING' || page.status === 'UNKNOWN') return false
      this.handlers.complete({ status: page.status, lastSequence: page.lastSequence })
      this.handlers.state('complete')
      return true
    }
  }

  /** null: the task has no lines yet. */
  async #page(): Promise<HistoryPage | null> {
    const { taskId, filter } = this.start
    const query = { after: this.#position, limit: POLL_LINES, filter, signal: this.#abort.signal }
    try {
      return await gateway(this.start.gateway).history(taskId, query)
    } catch (error) {
      if (error instanceof GatewayError && error.status === 404) return null
      throw error
    }
  }
}
