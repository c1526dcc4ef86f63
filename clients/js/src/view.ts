/** What a user interface shows of a stream, as one value that changes: shared by the adapters. */
import type { GatewayError } from './errors.ts'
import { openLogStream } from './log-stream.ts'
import { openPipeline } from './pipeline.ts'
import type {
  Completion,
  Gap,
  LogEntry,
  LogStream,
  LogStreamOptions,
  PipelineOptions,
  PipelineProgress,
  StreamState,
} from './types.ts'

/** Gaps kept: retention makes one, damage a few. */
const GAPS_MAX = 1000

export interface LogView {
  readonly entries: readonly LogEntry[]
  readonly state: StreamState
  readonly gaps: readonly Gap[]
  readonly complete: Completion | null
  readonly error: GatewayError | null
}

export interface PipelineView {
  readonly stages: readonly PipelineProgress[]
  readonly state: StreamState
  readonly error: GatewayError | null
}

/** A value that changes, as React's `useSyncExternalStore` and Vue's `shallowRef` want it. */
export interface Source<T> {
  get(): T
  subscribe(listener: () => void): () => void
  /** Options that may change without another stream: the filter, and the function for tokens. */
  update(options: Pick<LogStreamOptions, 'filter' | 'getToken'>): void
  close(): void
}

const CONNECTING: StreamState = { kind: 'connecting', attempt: 0 }
export const EMPTY_LOG: LogView = { entries: [], state: CONNECTING, gaps: [], complete: null, error: null }
export const EMPTY_PIPELINE: PipelineView = { stages: [], state: CONNECTING, error: null }

/** What tells one stream from another. A filter, and a function for tokens, may change without another stream. */
export function keyOf(options: LogStreamOptions | PipelineOptions): string {
  const { taskId, pipelineId, url, token, transport, after, tail } = options as LogStreamOptions & PipelineOptions
  return JSON.stringify([taskId, pipelineId, url, token, transport, after, tail])
}

/** Watch a log; `open` may be `openSharedLogStream`. */
export function logView(
  options: LogStreamOptions,
  open: (options: LogStreamOptions) => LogStream = openLogStream,
): Source<LogView> {
  const own = { ...options }
  const stream = open(own)
  const source = changing(EMPTY_LOG, () => stream.close())
  stream.on('entries', () => source.set({ entries: stream.entries }))
  stream.on('gap', (gap) => source.set({ gaps: [...source.get().gaps, gap].slice(-GAPS_MAX) }))
  stream.on('restart', () => source.set({ entries: [], gaps: [], complete: null }))
  stream.on('complete', (complete) => source.set({ complete }))
  stream.on('state', (state) => source.set({ state }))
  stream.on('error', (error) => source.set({ error }))
  let known = JSON.stringify(options.filter ?? {})
  return {
    ...source,
    update({ filter = {}, getToken }) {
      // The stream asks its options before every connection, and streams with the same function share theirs.
      own.getToken = getToken
      const wanted = JSON.stringify(filter)
      if (wanted === known) return
      known = wanted
      stream.setFilter(filter).then(
        () => source.set({ error: null }),
        (error) => error.code !== 'CLOSED' && source.set({ error }),
      )
    },
  }
}

/** Watch a pipeline. */
export function pipelineView(options: PipelineOptions): Source<PipelineView> {
  const own = { ...options }
  const stream = openPipeline(own)
  const source = changing(EMPTY_PIPELINE, () => stream.close())
  const changed = () => source.set({ stages: stream.stages })
  stream.on('progress', changed)
  stream.on('restart', changed)
  stream.on('state', (state) => source.set({ state }))
  stream.on('error', (error) => source.set({ error }))
  return {
    ...source,
    update({ getToken }) {
      own.getToken = getToken
    },
  }
}

function changing<T extends object>(value: T, close: () => void) {
  const listeners = new Set<() => void>()
  return {
    get: () => value,
    set(change: Partial<T>) {
      value = { ...value, ...change }
      for (const listener of [...listeners]) listener()
    },
    subscribe(listener: () => void) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close,
  }
}
