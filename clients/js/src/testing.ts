/** A gateway for tests of pages: real streams, no network. */
import { type Ending, GatewayError } from './errors.ts'
import { TaskLog, type Transport } from './log-stream.ts'
import type { Attempt } from './reconnecting.ts'
import type { Subject } from './subject.ts'
import type { LogEntry, LogFilter, LogStream, LogStreamOptions } from './types.ts'

interface Connection {
  taskId: string
  subject: Subject
  attempt: Attempt
  end(ending: Ending): void
}

/**
 * What a test says of a gateway. `open` is given to the hooks in the place of `openLogStream`; a stream resumes, filters,
 * reconnects and ends as with a real one.
 */
export class FakeGateway {
  /** Of the journal; another one makes streams start anew. */
  epoch = '0000aaaa'
  /** Whether an entry passes an expression, which only a gateway can read. */
  passes: (entry: LogEntry, expression: string) => boolean = () => true
  readonly #tasks = new Map<string, LogEntry[]>()
  readonly #ended = new Map<string, string>()
  readonly #open = new Set<Connection>()
  #refusal: GatewayError | undefined

  /** As `openLogStream`. */
  readonly open = (options: LogStreamOptions): LogStream =>
    new TaskLog({ schedule: 'microtask', backoff: { min: 1, max: 1 }, ...options }, this.#transport)

  /** Streams that are connected. */
  get connections(): number {
    return this.#open.size
  }

  /** Store lines of a task, and send them to its streams: a text is an INFO line of worker `w`. */
  write(taskId: string, ...lines: (string | Partial<LogEntry>)[]): void {
    const stored = this.#stored(taskId)
    for (const line of lines) {
      const sequence = stored.length + 1
      const fields = typeof line === 'string' ? { message: line } : line
      const timestamp = new Date(sequence).toISOString()
      const defaults = { workerId: 'w', timestamp, level: 'INFO' as const, source: 'stdout', message: '' }
      const entry = { ...defaults, ...fields, taskId, sequence }
      stored.push(entry)
      for (const { subject } of this.#of(taskId)) this.#send(subject, entry)
    }
  }

  /** Lines that no longer exist. */
  gap(taskId: string, from: number, to: number, reason = 'RETENTION'): void {
    for (const { subject } of this.#of(taskId)) subject.gap({ from, to, reason })
  }

  /** The task ends. */
  complete(taskId: string, status = 'COMPLETED'): void {
    this.#ended.set(taskId, status)
    for (const connection of this.#of(taskId)) this.#finish(connection)
  }

  /** Another life of the journal: streams come back, and everything comes again. */
  restart(): void {
    this.epoch = (Number.parseInt(this.epoch, 16) + 1).toString(16).padStart(8, '0')
    this.disconnect()
  }

  /** All connections are lost; streams come back by themselves. */
  disconnect(): void {
    for (const { end } of [...this.#open]) end({})
  }

  /** Refuse connections from now on, and end those that there are; undefined lets them in again. */
  refuse(code?: string, message = 'refused', status = 403): void {
    this.#refusal = code === undefined ? undefined : new GatewayError(code, message, status)
    this.disconnect()
  }

  readonly #transport: Transport = (_options, subject, attempt) => {
    if (this.#refusal) return Promise.resolve({ error: this.#refusal })
    return new Promise<Ending>((resolve) => {
      const connection: Connection = {
        taskId: subject.id,
        subject,
        attempt,
        end: (ending) => {
          this.#open.delete(connection)
          resolve(ending)
        },
      }
      attempt.signal.addEventListener('abort', () => connection.end({}))
      this.#open.add(connection)
      const { after, tail } = subject.start()
      const [epoch, number] = after?.includes('-') ? after.split('-') : [this.epoch, after ?? '0']
      attempt.opened()
      subject.epoch(this.epoch)
      const stored = this.#stored(subject.id)
      const matching = stored.filter((entry) => this.#passes(entry, subject.start().filter))
      const first = tail === undefined ? undefined : (matching.at(-tail)?.sequence ?? stored.length + 1)
      const from = first ?? (epoch === this.epoch ? Number(number) + 1 : 1)
      for (const entry of stored) if (entry.sequence >= (tail === 0 ? Infinity : from)) this.#send(subject, entry)
      this.#finish(connection)
    })
  }

  #send(subject: Subject, entry: LogEntry): void {
    if (this.#passes(entry, subject.start().filter)) subject.entry(entry)
  }

  #finish({ taskId, subject, end }: Connection): void {
    const status = this.#ended.get(taskId)
    if (!status) return
    subject.complete({ status, lastSequence: this.#stored(taskId).length, timestamp: new Date(0).toISOString() })
    end({ complete: true })
  }

  #stored(taskId: string): LogEntry[] {
    const stored = this.#tasks.get(taskId) ?? []
    this.#tasks.set(taskId, stored)
    return stored
  }

  #passes(entry: LogEntry, filter: LogFilter = {}): boolean {
    return matches(entry, filter) && (!filter.expression || this.passes(entry, filter.expression))
  }

  #of(taskId: string): Connection[] {
    return [...this.#open].filter((connection) => connection.taskId === taskId)
  }
}

function matches(
  entry: LogEntry,
  { levels, sources, keywords, workerIds, startTime, endTime }: LogFilter = {},
): boolean {
  const text = entry.message.toLowerCase()
  return (
    (!levels?.length || levels.includes(entry.level)) &&
    (!sources?.length || sources.includes(entry.source)) &&
    (!workerIds?.length || workerIds.includes(entry.workerId)) &&
    (!keywords?.length || keywords.some((keyword) => text.includes(keyword.toLowerCase()))) &&
    (!startTime || entry.timestamp >= startTime) &&
    (!endTime || entry.timestamp <= endTime)
  )
}
