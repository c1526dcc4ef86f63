/** The log of one task: every entry once and in order, whatever happens to the connections. */
import { type Ending, GatewayError } from './errors.ts'
import { type Attempt, Reconnecting } from './reconnecting.ts'
import { later } from './schedule.ts'
import { overSse, splitPosition } from './sse.ts'
import type { Subject } from './subject.ts'
import type {
  ConnectionOptions,
  Gap,
  LogEntry,
  LogEvent,
  LogFilter,
  LogStream,
  LogStreamEvents,
  LogStreamOptions,
  Restart,
} from './types.ts'

const BUFFER_SIZE = 10_000

/** Serves one connection; how a stream reaches the gateway. */
export type Transport = (options: ConnectionOptions, subject: Subject, attempt: Attempt) => Promise<Ending>

interface Change {
  resolve(): void
  reject(error: GatewayError): void
}

/** Open the log of a task. It connects by itself, as soon as the caller had the time to listen. */
export function openLogStream(options: LogStreamOptions): LogStream {
  return new TaskLog(options, transportOf(options))
}

/** The transport that the options ask for. */
export function transportOf(options: ConnectionOptions): Transport {
  if (options.transport !== 'socket.io') return overSse
  if (!options.io) throw new TypeError("transport 'socket.io' needs io")
  // Its own piece: who does not use it does not load it.
  return async (...connection) => (await import('./socket-io.ts')).overSocketIo(...connection)
}

export class TaskLog extends Reconnecting<LogStreamEvents> implements LogStream {
  #options: LogStreamOptions
  #transport: Transport
  #size: number
  /** Received, in the present life of the journal. */
  #epoch: string | undefined
  #sequence = 0
  /** Where the caller asked to start; until something was received. */
  #start: string | undefined
  #tail: number | undefined
  #filter: LogFilter
  /** The filter that the gateway has accepted last. */
  #accepted: LogFilter
  #changes = new Set<Change>()
  #heldGap: Gap | undefined
  #lastGap = ''
  #waiting: LogEntry[] = []
  #cancel: (() => void) | undefined
  #kept: LogEntry[] = []
  #snapshot: readonly LogEntry[] | undefined
  #position: string | null = null
  #iterators = new Set<Queue>()
  #subject: Subject

  constructor(options: LogStreamOptions, transport: Transport) {
    super(options)
    this.#options = options
    this.#transport = transport
    this.#size = Math.max(1, options.bufferSize ?? BUFFER_SIZE)
    this.#filter = this.#accepted = options.filter ?? {}
    this.#tail = options.tail
    if (options.after !== undefined) {
      this.#start = `${options.after}`
      const [epoch, sequence] = splitPosition(this.#start)
      this.#epoch = epoch
      this.#sequence = sequence || 0
    }
    this.#subject = {
      kind: 'task',
      id: options.taskId,
      start: () => ({
        after: this.#start ?? (this.#sequence && this.#epoch ? `${this.#epoch}-${this.#sequence}` : undefined),
        tail: this.#tail,
        filter: this.#filter,
      }),
      epoch: (epoch) => this.#live(epoch),
      entry: (entry) => this.#take(entry),
      gap: (gap) => this.#miss(gap),
      complete: (completion) => {
        this.#flush()
        this.emit('complete', completion)
      },
      progress() {},
      room: () => this.#room(),
    }
  }

  get position(): string | null {
    return this.#position
  }

  get oldest(): string | null {
    return this.entries[0] ? `${this.#epoch}-${this.entries[0].sequence}` : null
  }

  get entries(): readonly LogEntry[] {
    this.#snapshot ??= this.#kept.slice(-this.#size)
    return this.#snapshot
  }

  setFilter(filter: LogFilter): Promise<void> {
    if (this.isOver) return Promise.reject(new GatewayError('CLOSED', 'closed'))
    this.#filter = filter
    return new Promise((resolve, reject) => {
      const change = { resolve, reject }
      this.#changes.add(change)
      const inPlace = this.#subject.changeFilter?.(filter)
      if (!inPlace) return this.interrupt()
      inPlace.then(
        () => {
          this.#accepted = filter
          this.#changes.delete(change)
          resolve()
        },
        (error) => {
          // Where the connection was lost, the next one takes the new filter along, and answers.
          if (!(error instanceof GatewayError)) return
          if (this.#filter === filter) this.#filter = this.#accepted
          this.#changes.delete(change)
          reject(error)
        },
      )
    })
  }

  [Symbol.asyncIterator](): AsyncGenerator<LogEntry, void, undefined> {
    return this.#iterate((event) => (event.type === 'entry' ? event.entry : undefined))
  }

  events(): AsyncGenerator<LogEvent, void, undefined> {
    return this.#iterate((event) => event)
  }

  async *#iterate<T>(select: (event: LogEvent) => T | undefined): AsyncGenerator<T, void, undefined> {
    const queue: Queue = { events: this.entries.map(entryEvent), life: 0, over: this.isOver }
    this.#iterators.add(queue)
    try {
      for (;;) {
        const batch = queue.events
        if (batch.length) {
          queue.events = []
          queue.drained?.()
          const { life } = queue
          for (const event of batch) {
            if (queue.life !== life) break
            const value = select(event)
            if (value !== undefined) yield value
          }
        } else if (queue.over) {
          if (queue.error) throw queue.error
          return
        } else {
          await new Promise<void>((resolve) => {
            queue.wake = resolve
          })
        }
      }
    } finally {
      this.#iterators.delete(queue)
      queue.drained?.()
      // As with Node's streams: who leaves the loop has no other way to say that this was all.
      if (!this.#iterators.size) this.close()
    }
  }

  protected override emit<K extends keyof LogStreamEvents>(type: K, value: LogStreamEvents[K]): void {
    // A state means nothing to a loop, and an error ends it.
    if (type !== 'state' && type !== 'error') {
      const events = type === 'entries' ? (value as LogEntry[]).map(entryEvent) : [{ type, [type]: value }]
      for (const queue of this.#iterators) {
        queue.events = [...queue.events, ...(events as LogEvent[])]
        queue.wake?.()
      }
    }
    super.emit(type, value)
  }

  protected override connect(attempt: Attempt): Promise<Ending> {
    return this.#transport(this.#options, this.#subject, attempt).finally(() => {
      this.#heldGap = undefined
    })
  }

  protected override opened(): void {
    this.#accepted = this.#filter
    this.#settle()
  }

  protected override forgive(error: GatewayError): boolean {
    if (error.status !== 400 || this.#filter === this.#accepted) return false
    this.#filter = this.#accepted
    this.#settle(error)
    return true
  }

  protected override get isFull(): boolean {
    return [...this.#iterators].some((queue) => queue.events.length >= this.#size)
  }

  protected override ended(isComplete: boolean, error?: GatewayError): void {
    if (isComplete || error) this.#flush()
    else this.#drop() // `position` is where the caller can go on
    this.#settle(isComplete ? undefined : (error ?? new GatewayError('CLOSED', 'closed')))
    for (const queue of this.#iterators) {
      queue.over = true
      if (error) queue.error = error
      queue.wake?.()
      queue.drained?.()
    }
  }

  /** Answer those who wait for a change of the filter. */
  #settle(error?: GatewayError): void {
    for (const { resolve, reject } of this.#changes) error ? reject(error) : resolve()
    this.#changes.clear()
  }

  #live(epoch: string): void {
    if (this.#epoch && this.#epoch !== epoch) this.#restart(epoch, 'epoch')
    this.#epoch = epoch
    const gap = this.#heldGap
    this.#heldGap = undefined
    if (gap) this.#miss(gap)
  }

  #restart(epoch: string, reason: Restart['reason']): void {
    this.#flush()
    this.#sequence = 0
    this.#start = this.#tail = undefined
    this.#lastGap = ''
    this.#kept = []
    this.#snapshot = undefined
    this.#position = null
    this.#epoch = epoch
    for (const queue of this.#iterators) {
      queue.life++
      queue.events = []
    }
    this.emit('restart', { epoch, reason })
  }

  #take(entry: LogEntry): void {
    if (!(Number.isSafeInteger(entry?.sequence) && entry.sequence > 0)) {
      throw new GatewayError('PROTOCOL', 'line without a sequence')
    }
    if (entry.sequence <= this.#sequence) {
      this.#compare(entry)
      return
    }
    this.#moved(entry.sequence)
    this.#waiting.push(entry)
    if (this.#waiting.length >= this.#size) this.#flush()
    else this.#cancel ??= later(this.#options.schedule, () => this.#flush())
  }

  /** A line that was seen. Where it says something else, the journal went back in time and nobody noticed. */
  #compare(entry: LogEntry): void {
    const known = this.#kept.findLast((kept) => kept.sequence <= entry.sequence)
    if (known?.sequence !== entry.sequence) return
    if (known.message === entry.message && known.timestamp === entry.timestamp) return
    this.#restart(this.#epoch!, 'rewound')
    this.interrupt()
  }

  #moved(sequence: number): void {
    this.#sequence = sequence
    this.#start = this.#tail = undefined
  }

  #miss(gap: Gap): void {
    const key = `${gap.from}-${gap.to}`
    if (key === this.#lastGap) return
    if (gap.from <= this.#sequence) {
      // It cannot be in the life that we know: the next position will say in which one it is.
      this.#heldGap = gap
      return
    }
    this.#lastGap = key
    this.#flush()
    if (this.#epoch) this.#moved(gap.to)
    this.emit('gap', gap)
  }

  #flush(): void {
    const batch = this.#waiting
    this.#drop()
    if (!batch.length) return
    // Not `push(...batch)`: an engine's stack holds some 120,000 arguments.
    this.#kept = [...this.#kept, ...batch]
    this.#position = `${this.#epoch}-${batch.at(-1)!.sequence}`
    if (this.#kept.length > 2 * this.#size) this.#kept = this.#kept.slice(-this.#size)
    this.#snapshot = undefined
    this.emit('entries', batch)
  }

  #drop(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#waiting = []
  }

  #room(): Promise<unknown> | undefined {
    const full = [...this.#iterators].filter((queue) => queue.events.length >= this.#size)
    if (!full.length || this.isOver) return undefined
    return Promise.all(full.map((queue) => new Promise<void>((resolve) => (queue.drained = resolve))))
  }
}

function entryEvent(entry: LogEntry): LogEvent {
  return { type: 'entry', entry }
}

/** What waits for one iterator. */
interface Queue {
  events: LogEvent[]
  /** Counts restarts: what is left of a batch from before one is worth nothing. */
  life: number
  over: boolean
  error?: GatewayError
  wake?: () => void
  drained?: () => void
}
