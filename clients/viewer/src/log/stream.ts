/** A task's live lines over Server-Sent Events: resumes exactly, waits longer from failure to failure, hands out batches. */
import { type Calls, type HistoryPage, RefusedError } from './calls'
import type { Gap, LogEntry, LogFilter } from './entry'
import { takeSlot } from './stream-slots'

export type StreamState = 'connecting' | 'open' | 'waiting' | 'complete' | 'closed'

export interface StreamHandlers {
  entries(batch: LogEntry[]): void
  gap(gap: Gap): void
  /** The journal began another life: what follows are its lines from the first on. */
  restart(): void
  state(state: StreamState): void
  complete(end: { status: string; lastSequence: number }): void
  refused(error: RefusedError): void
}

const PAUSE_FIRST = 400
const PAUSE_LAST = 8000
const POLL_PAUSE = 1000
const POLL_LINES = 5000
const FINAL = new Set([400, 401, 403, 404])

export class Stream {
  #abort = new AbortController()
  #position: string
  #batch: LogEntry[] = []
  #frame = 0
  #isOver = false
  #wake: (() => void) | null = null

  constructor(
    private readonly calls: Calls,
    private readonly filter: LogFilter,
    private readonly epoch: string,
    after: number,
    private readonly handlers: StreamHandlers,
  ) {
    this.#position = epoch ? `${epoch}-${after}` : String(after)
    addEventListener('online', this.#hurry)
    void this.#run()
  }

  close(): void {
    this.#isOver = true
    this.#abort.abort()
    cancelAnimationFrame(this.#frame)
    clearTimeout(this.#frame)
    removeEventListener('online', this.#hurry)
    this.#wake?.()
  }

  #hurry = () => this.#wake?.()

  async #run(): Promise<void> {
    let pause = PAUSE_FIRST
    this.handlers.state('connecting')
    while (!this.#isOver) {
      const release = await takeSlot()
      try {
        if (release) await this.#stream()
        else await this.#poll()
        pause = PAUSE_FIRST
        if (!release) {
          await this.#sleep(POLL_PAUSE)
          continue
        }
      } catch (error) {
        if (this.#isOver) return
        if (error instanceof RefusedError && FINAL.has(error.status)) {
          this.handlers.refused(error)
          return this.#end('closed')
        }
      } finally {
        release?.()
      }
      if (this.#isOver) return
      this.#flush()
      this.handlers.state('waiting')
      await this.#sleep(pause * (0.5 + Math.random() / 2))
      pause = Math.min(pause * 2, PAUSE_LAST)
    }
  }

  async #stream(): Promise<void> {
    const url = this.calls.streamUrl(this.filter, this.#position)
    const answer = await this.calls.fetch(url, this.#abort.signal, 'text/event-stream')
    if (answer.status === 204 || !answer.body) return this.#end('complete')
    this.handlers.state('open')
    await this.#read(answer.body)
  }

  /** What came since, without a connection of one's own. */
  async #poll(): Promise<void> {
    for (;;) {
      const page = await this.#page()
      if (this.#isOver) return
      if (!page) return this.handlers.state('open')
      if (this.epoch && page.epoch !== this.epoch) {
        this.close()
        return this.handlers.restart()
      }
      this.handlers.state('open')
      for (const gap of page.gaps ?? []) this.handlers.gap(gap)
      if (page.entries.length) this.handlers.entries(page.entries)
      if (page.next) this.#position = page.next
      if (page.hasNext && page.next) continue
      if (page.status !== 'RUNNING' && page.status !== 'UNKNOWN') {
        this.handlers.complete({ status: page.status, lastSequence: page.lastSequence })
        this.#end('complete')
      }
      return
    }
  }

  /** null: the task has no lines yet. */
  #page(): Promise<HistoryPage | null> {
    return this.calls
      .page({ after: this.#position, limit: POLL_LINES }, this.filter, this.#abort.signal)
      .catch((error) => {
        if (error instanceof RefusedError && error.status === 404) return null
        throw error
      })
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      setTimeout(resolve, milliseconds)
    })
  }

  #end(state: StreamState): void {
    this.#flush()
    this.#isOver = true
    this.handlers.state(state)
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
    let rest = ''
    for (;;) {
      const { done, value } = await reader.read()
      if (done || this.#isOver) return
      const events = (rest + value).split('\n\n')
      rest = events.pop() ?? ''
      for (const event of events) this.#take(event)
      if (this.#isOver) return
    }
  }

  #take(text: string): void {
    let [name, data, id] = ['message', '', '']
    for (const line of text.split('\n')) {
      if (line.startsWith('data:')) data += line.slice(line[5] === ' ' ? 6 : 5)
      else if (line.startsWith('id:')) id = line.slice(3).trim()
      else if (line.startsWith('event:')) name = line.slice(6).trim()
    }
    if (!data) return
    const epoch = /^(.+)-\d+(?:\.end)?$/.exec(id)?.[1]
    if (epoch && this.epoch && epoch !== this.epoch) {
      this.close()
      this.handlers.restart()
      return
    }
    if (id) this.#position = id
    if (name === 'message') {
      this.#batch.push(JSON.parse(data))
      this.#schedule()
    } else if (name === 'gap') {
      this.#flush()
      this.handlers.gap(JSON.parse(data))
    } else if (name === 'complete') {
      this.#flush()
      this.handlers.complete(JSON.parse(data))
      this.#end('complete')
      this.close()
    }
  }

  #schedule(): void {
    if (this.#frame) return
    // Hidden pages get no frames.
    const later = document.hidden
      ? (run: () => void) => setTimeout(run, 250) as unknown as number
      : requestAnimationFrame
    this.#frame = later(() => this.#flush())
  }

  #flush(): void {
    this.#frame = 0
    if (!this.#batch.length) return
    const batch = this.#batch
    this.#batch = []
    this.handlers.entries(batch)
  }
}
