/// <reference lib="esnext.disposable" preserve="true" />
/** What goes over the wire and what a stream hands out. */
import type { CloseCode } from './close-reasons.ts'
import type { GatewayError } from './errors.ts'

export type Level = 'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | 'FATAL'

/** One line of a task's log. Sequences ascend by one within a task and a life of the journal (its epoch). */
export interface LogEntry {
  taskId: string
  workerId: string
  sequence: number
  /** RFC 3339 in UTC. */
  timestamp: string
  level: Level
  source: string
  message: string
  metadata?: Record<string, unknown>
  podMetadata?: Record<string, unknown>
  truncated?: boolean
  /** Bytes that the message had before it was cut; where `truncated`. */
  originalSize?: number
}

/** AND between the fields, OR inside one of them; `expression` has its own grammar (docs/filters.md). */
export interface LogFilter {
  levels?: Level[]
  sources?: string[]
  keywords?: string[]
  workerIds?: string[]
  startTime?: string
  endTime?: string
  /** `(timeout OR "connection refused") -retry /exit [1-9]/ level:WARN,ERROR` */
  expression?: string
}

export interface GatewayOptions {
  /** The gateway's address, with the path that a proxy puts in front of it; '' is the page's own origin. */
  url: string
  token?: string | undefined
  /** Asked before every connection; wins over `token`. */
  getToken?: (() => string | Promise<string>) | undefined
  /** Sent with every request over HTTP. */
  headers?: Record<string, string>
  /** As of `fetch`: `'include'` sends the session cookie to another origin. */
  credentials?: RequestCredentials
  fetch?: typeof fetch
}

export interface ConnectionOptions extends GatewayOptions {
  transport?: 'sse' | 'socket.io'
  /** socket.io-client's `io`; needed with `transport: 'socket.io'`. */
  io?: SocketIo
  signal?: AbortSignal
  /** Pauses between attempts, in milliseconds: the first is about `min` (or what the gateway asked for), the longest `max`. */
  backoff?: { min?: number; max?: number }
  /** Milliseconds without a sign of life after which a connection counts as dead; the gateway's heartbeat is every 30 s. */
  silence?: number
}

export interface LogStreamOptions extends ConnectionOptions {
  taskId: string
  filter?: LogFilter
  /** Start behind this sequence or position; without it and `tail`, at the first line. */
  after?: number | string
  /** Start with the last so many matching lines; 0 is live only. */
  tail?: number
  /** Lines kept in `entries`, and lines that may wait for a slow iterator (10,000). */
  bufferSize?: number
  /** When waiting lines are handed out: with the next frame, at the end of the present task, or after so many milliseconds. */
  schedule?: Schedule
}

export type Schedule = 'frame' | 'microtask' | number

export interface PipelineOptions extends ConnectionOptions {
  pipelineId: string
}

/** A code of the gateway's, `HTTP_` with a status, or one of the client's own. Others may be added. */
export type ErrorCode =
  | 'INVALID_ARGUMENT'
  | 'UNAUTHENTICATED'
  | 'PERMISSION_DENIED'
  | 'NOT_FOUND'
  | 'RESOURCE_EXHAUSTED'
  | 'UNAVAILABLE'
  | 'CONNECTION_LOST'
  | 'SILENT'
  | 'PROTOCOL'
  | 'TOKEN_UNAVAILABLE'
  | 'CLOSED'
  | CloseCode
  | (string & {})

interface NotWaiting {
  retryAt?: undefined
}

interface NotOver {
  reason?: undefined
}

/** `attempt`: attempts in a row that gave nothing. `retryAt`: when the next one starts, in milliseconds since 1970. */
export type StreamState =
  | ({ kind: 'connecting' | 'open'; attempt: number } & NotWaiting & NotOver)
  | { kind: 'waiting'; attempt: number; retryAt: number; reason: ErrorCode }
  | ({ kind: 'complete'; attempt: number } & NotWaiting & NotOver)
  | ({ kind: 'closed'; attempt: number; reason: ErrorCode } & NotWaiting)

/** How a stream is over. */
export type FinalState = Extract<StreamState, { kind: 'complete' | 'closed' }>

export interface Gap {
  from: number
  to: number
  reason: string
}

/** Everything comes again, from the first line: what was handed out before belongs to the past. */
export interface Restart {
  epoch: string
  /** `epoch`: another life of the journal; `rewound`: it was set back to an earlier state of the same one. */
  reason: 'epoch' | 'rewound'
}

export interface Completion {
  status: string
  lastSequence: number
  timestamp: string
}

export interface PipelineProgress {
  pipelineId: string
  stageId: string
  status: string
  message: string
  workerPodNames: string[]
  progressPercentage: number
  timestamp: string
  startedAt?: string
  completedAt?: string
  errorMessage?: string
  metrics?: Record<string, unknown>
}

export interface StreamEvents {
  state: StreamState
  error: GatewayError
}

export interface LogStreamEvents extends StreamEvents {
  entries: LogEntry[]
  gap: Gap
  restart: Restart
  complete: Completion
}

export interface PipelineStreamEvents extends StreamEvents {
  progress: PipelineProgress
  restart: Restart
}

/** What all streams have; `on` of a stream of any kind takes `state` and `error`. */
export interface Stream<E extends StreamEvents = StreamEvents> extends AsyncDisposable {
  /** Listen; returns an unsubscribe function. A `signal` unsubscribes, too. */
  on<K extends keyof StreamEvents>(type: K, listener: (value: StreamEvents[K]) => void, options?: OnOptions): () => void
  on<K extends keyof E>(type: K, listener: (value: E[K]) => void, options?: OnOptions): () => void
  readonly state: StreamState
  /** Fulfilled with the last state once it is over; never rejected. */
  readonly closed: Promise<FinalState>
  /** Connect again now: at once where it waits, with another connection where it has one. Nothing where it is over. */
  reconnect(): void
  /** End it; idempotent. */
  close(): void
}

export interface OnOptions {
  signal?: AbortSignal
}

/** What `events()` gives; `entry` once and in order, but for a `restart`, after which all come again. */
export type LogEvent =
  | { type: 'entry'; entry: LogEntry }
  | { type: 'gap'; gap: Gap }
  | { type: 'restart'; restart: Restart }
  | { type: 'complete'; complete: Completion }

export interface LogStream extends Stream<LogStreamEvents>, AsyncIterable<LogEntry> {
  /** Lines, gaps, restarts and the end, in their order; a loop over it is like one over the stream. */
  events(): AsyncIterable<LogEvent>
  /** `<epoch>-<sequence>` of the last entry handed out. */
  readonly position: string | null
  /** `<epoch>-<sequence>` of the first of `entries`: older ones are stored in front of it (`history(taskId, { before })`). */
  readonly oldest: string | null
  /** The last `bufferSize` entries handed out; another array after every batch. */
  readonly entries: readonly LogEntry[]
  /**
   * Change the filter without losing or repeating a line; rejected, with the old one kept, where the gateway refuses it,
   * and with `CLOSED` where the stream is over.
   */
  setFilter(filter: LogFilter): Promise<void>
}

export interface PipelineStream extends Stream<PipelineStreamEvents> {
  /** The present state of every stage, in the order in which they were first heard of. */
  readonly stages: readonly PipelineProgress[]
}

/** As much of socket.io-client as is used. */
export type SocketIo = (
  url: string,
  options: { path: string; auth: { token?: string }; forceNew: boolean; reconnection: boolean },
) => Socket

export interface Socket {
  // biome-ignore lint/suspicious/noExplicitAny: events of the library's and of the gateway's
  on(name: string, listener: (payload: any) => void): unknown
  emit(name: string, ...payload: unknown[]): unknown
  disconnect(): unknown
  readonly connected: boolean
  // biome-ignore lint/suspicious/noExplicitAny: the manager's events are typed by the library alone
  readonly io: any
}
