/** What is stored: pages of a task's log, counts, matches, tasks, and search across tasks. */
import { endpoint, filterQuery, request, tokenOf } from './address.ts'
import { described, GatewayError, refusal } from './errors.ts'
import { readEvents } from './sse.ts'
import type { Gap, GatewayOptions, Level, LogEntry, LogFilter } from './types.ts'

export interface HistoryQuery {
  /** Of `after`, `before` and `tail` at most one; none is from the first line. */
  after?: number | string
  before?: number | string
  tail?: number
  limit?: number
  filter?: LogFilter
  signal?: AbortSignal
}

export interface HistoryPage {
  taskId: string
  epoch: string
  entries: LogEntry[]
  previous: string | null
  next: string | null
  hasPrevious: boolean
  hasNext: boolean
  /** Lines within the page that no longer exist. */
  gaps: Gap[]
  /** Whether the position that was asked for belongs to another life of the journal, so that the page is the first or last one. */
  isRestart: boolean
  firstSequence: number
  lastSequence: number
  status: string
}

export type LevelCounts = Partial<Record<Level, number>>

export interface Bucket {
  from: number
  to: number
  startTime: string | null
  endTime: string | null
  total: number
  levels: LevelCounts
}

export interface Counts {
  taskId: string
  epoch: string
  firstSequence: number
  lastSequence: number
  total: number
  levels: LevelCounts
  buckets: Bucket[]
  /** False where counting all of it would have taken too long. */
  isComplete: boolean
}

export interface Matches {
  taskId: string
  epoch: string
  q: string
  total: number
  sequences: number[]
  isComplete: boolean
  lastSequence: number
}

export interface TaskSummary {
  taskId: string
  status: string
  firstSequence: number
  lastSequence: number
  lines: number
  firstTimestamp: string | null
  lastTimestamp: string | null
  levels: LevelCounts
  workers: string[]
  workerCount: number
  bytes: number
}

/** A line without colours. */
export interface SummaryLine {
  sequence: number
  workerId: string
  message: string
}

/** A failed test, or what a tool says of a place. */
export interface NamedPlace {
  sequence: number
  name?: string
  file?: string
  line?: number
  message?: string
}

/** The event that most likely made the task fail. */
export interface Cause {
  /** `test`, `compiler`, `crash`, …, or `first error`. */
  rule: string
  headline: string
  workerId: string
  firstSequence: number
  lastSequence: number
  lines: string[]
}

/** Lines that differ in numbers and names alone. */
export interface MessageKind {
  sequence: number
  workerId: string
  level: Level
  message: string
  count: number
}

/** A run beside the last good one of the same name. */
export interface Comparison {
  taskId: string
  endedAt: string | null
  lines: number
  durationSeconds: number | null
  labels: { name: string; before: string | null; now: string | null }[]
  appeared: MessageKind[]
  appearedCount: number
  disappeared: MessageKind[]
  disappearedCount: number
  isComplete: boolean
}

/** Why a task failed, or how far it is. */
export interface RunSummary {
  taskId: string
  status: string
  reason: string
  exitCode: number | null
  signal: string | null
  command: string | null
  directory: string | null
  startedAt: string | null
  endedAt: string | null
  durationSeconds: number | null
  labels: Record<string, string>
  lines: number
  lastSequence: number
  firstError: SummaryLine | null
  cause: Cause | null
  failedTests: NamedPlace[]
  failedTestCount: number
  annotations: NamedPlace[]
  annotationCount: number
  comparison: Comparison | null
  /** False where errors between the first and the last were not read. */
  isComplete: boolean
}

export interface TaskPage {
  tasks: TaskSummary[]
  next: string | null
  total: number | null
}

export interface SearchHit {
  entry: LogEntry
  before: LogEntry[]
  after: LogEntry[]
}

export interface SearchTotals {
  tasks: { taskId: string; count: number }[]
  scanned: { tasks: number; lines: number }
  isComplete: boolean
  next: string | null
}

export interface SearchProgress {
  tasks: number
  tasksTotal: number
  lines: number
  hits: number
}

export type SearchEvent =
  | { type: 'hit'; hit: SearchHit }
  | { type: 'progress'; progress: SearchProgress }
  | { type: 'complete'; totals: SearchTotals }

export interface SearchQuery {
  /** A text in the lines; it may be left out. */
  q?: string
  /** Here `expression` may choose tasks, too: `label:name=value`. */
  filter?: LogFilter
  limit?: number
  context?: number
  cursor?: string
  signal?: AbortSignal
}

export interface Gateway {
  history(taskId: string, query?: HistoryQuery): Promise<HistoryPage>
  counts(
    taskId: string,
    query?: { filter?: LogFilter; buckets?: number; q?: string; signal?: AbortSignal },
  ): Promise<Counts>
  matches(
    taskId: string,
    query: { q?: string; filter?: LogFilter; limit?: number; signal?: AbortSignal },
  ): Promise<Matches>
  /** Why a task failed, or how far it is. */
  summary(taskId: string, query?: { signal?: AbortSignal }): Promise<RunSummary>
  tasks(query?: {
    search?: string
    status?: string
    limit?: number
    cursor?: string
    signal?: AbortSignal
  }): Promise<TaskPage>
  /** Hits as they are found, newest first, with progress in between; the last event is `complete`. Leaving the loop stops the work. */
  search(query: SearchQuery): AsyncIterable<SearchEvent>
  /** Where a browser downloads all lines that pass the filter; it needs a session cookie where the gateway wants a token. */
  downloadUrl(taskId: string, query?: { filter?: LogFilter; format?: 'json' | 'ndjson' | 'text' }): string
}

/** The stored side of a gateway. Every call fails with a `GatewayError`, or with the signal's reason. */
export function gateway(options: GatewayOptions): Gateway {
  async function ask(address: string, accept: string, signal?: AbortSignal): Promise<Response> {
    for (let renewed = !options.getToken; ; renewed = true) {
      let response: Response
      try {
        response = await request(options, address, accept, await tokenOf(options), signal)
      } catch (error) {
        if (signal?.aborted) throw error
        throw new GatewayError('CONNECTION_LOST', `the gateway cannot be reached: ${error}`)
      }
      if (response.ok) return response
      const error = await refusal(response)
      // A token may have expired on its way: once more with another one.
      if (error.status !== 401 || renewed) throw error
    }
  }

  async function json<T>(path: string, query: Parameters<typeof endpoint>[2], signal?: AbortSignal): Promise<T> {
    const response = await ask(endpoint(options.url, path, query), 'application/json', signal)
    try {
      return (await response.json()) as T
    } catch (error) {
      if (signal?.aborted) throw error
      throw new GatewayError('PROTOCOL', `the answer is no JSON: ${error}`, response.status)
    }
  }

  const log = (taskId: string, rest = '') => `logs/${encodeURIComponent(taskId)}${rest}`

  return {
    history: (taskId, { filter, signal, ...query } = {}) =>
      json(log(taskId), { ...query, ...filterQuery(filter) }, signal),
    counts: (taskId, { filter, signal, ...query } = {}) =>
      json(log(taskId, '/counts'), { ...query, ...filterQuery(filter) }, signal),
    matches: (taskId, { filter, signal, ...query }) =>
      json(log(taskId, '/matches'), { ...query, ...filterQuery(filter) }, signal),
    summary: (taskId, { signal } = {}) => json(log(taskId, '/summary'), {}, signal),
    tasks: ({ signal, ...query } = {}) => json('tasks', query, signal),
    async *search({ filter, signal, ...query }) {
      const left = new AbortController()
      const either = signal ? AbortSignal.any([signal, left.signal]) : left.signal
      const address = endpoint(options.url, 'search', { ...query, ...filterQuery(filter) })
      try {
        const response = await ask(address, 'text/event-stream', either)
        if (!response.body) throw new GatewayError('PROTOCOL', 'the answer has no body', response.status)
        // The reader pushes and the caller pulls: what was read of one chunk waits here, and no more is read until then.
        let found: SearchEvent[] = []
        let taken: (() => void) | undefined
        let wake: (() => void) | undefined
        let isOver = false
        const reading = readEvents<true>(
          response.body,
          ({ name, data }) => {
            if (name === 'error') throw described(data)
            if (name === 'hit') found.push({ type: name, hit: data })
            else if (name === 'progress') found.push({ type: name, progress: data })
            else if (name === 'complete') found.push({ type: name, totals: data })
            return name === 'complete' || undefined
          },
          () => {
            if (!found.length) return undefined
            wake?.()
            return new Promise<void>((resolve) => {
              taken = resolve
            })
          },
        ).finally(() => {
          isOver = true
          wake?.()
        })
        reading.catch(() => {}) // awaited below
        for (;;) {
          const events = found
          found = []
          yield* events
          taken?.()
          if (isOver && !found.length) break
          if (!found.length) {
            await new Promise<void>((resolve) => {
              wake = resolve
            })
          }
        }
        if (!(await reading)) throw new GatewayError('CONNECTION_LOST', 'the search ended before its end')
      } finally {
        left.abort()
      }
    },
    downloadUrl: (taskId, { filter, format } = {}) =>
      endpoint(options.url, log(taskId), { download: 1, format, ...filterQuery(filter) }),
  }
}
