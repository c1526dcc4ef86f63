/** What a user interface shows of a stream, as one value that changes: shared by the adapters. */
import type { GatewayError } from './errors.ts'
import { gateway } from './history.ts'
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
  PipelineStream,
  StreamState,
} from './types.ts'

/** Gaps kept: retention makes one, damage a few. */
const GAPS_MAX = 1000
/** Lines that `useLog` keeps, and starts with. */
const LINES_MAX = 50_000
const TAIL = 500
/** A list of thousands of lines in every frame is more than a page can draw. */
const SCHEDULE = 100

/** A stream's state, or `idle` where there is none: it is not wanted, or the page has not been shown yet. */
export type ViewState = StreamState | { kind: 'idle'; attempt: 0; retryAt?: undefined; reason?: undefined }

interface StreamView {
  /** Try again now; after a refusal, with another stream. It stays the same function for as long as the view does. */
  reconnect(): void
  readonly state: ViewState
  readonly error: GatewayError | null
  /** What is shown belongs to the stream before, until this one has something (`keepPrevious`). */
  readonly isPrevious: boolean
}

export interface LogView extends StreamView {
  readonly entries: readonly LogEntry[]
  readonly gaps: readonly Gap[]
  readonly complete: Completion | null
}

export interface PagedLogView extends LogView {
  /** Whether there may be lines in front of the first one. */
  readonly hasOlder: boolean
  readonly isLoadingOlder: boolean
  /** Put a page of older lines in front; fulfilled when they are there. Never rejected: see `error`. */
  loadOlder(): Promise<void>
}

export interface PipelineView extends StreamView {
  readonly stages: readonly PipelineProgress[]
}

/** A value that changes, as React's `useSyncExternalStore`, Vue's `shallowRef` and Svelte's stores want it. */
export interface Source<V> {
  get(): V
  subscribe(listener: () => void): () => void
  /** Another function for tokens, without another stream. */
  update(options: { getToken?: LogStreamOptions['getToken'] }): void
  close(): void
}

export interface ViewOptions {
  /** False: no stream (`idle`). */
  enabled?: boolean
  /** Show what there was until the next stream has something. */
  keepPrevious?: boolean
}

export interface LogViewOptions extends Omit<LogStreamOptions, 'taskId'>, ViewOptions {
  /** Null: no stream (`idle`). */
  taskId: string | null
  /** Another one than `openLogStream`, like `openSharedLogStream`. */
  open?: (options: LogStreamOptions) => LogStream
}

export interface PagedLogOptions extends LogViewOptions {
  /** Lines of a page of older ones (500). */
  pageSize?: number
  /** Lines kept (50,000); the first go, and can be loaded again. */
  linesMax?: number
}

export interface PipelineViewOptions extends Omit<PipelineOptions, 'pipelineId'>, ViewOptions {
  /** Null: no stream (`idle`). */
  pipelineId: string | null
}

const IDLE: StreamView = { reconnect() {}, state: { kind: 'idle', attempt: 0 }, error: null, isPrevious: false }
const IDLE_LOG: LogView = { ...IDLE, entries: [], gaps: [], complete: null }
const IDLE_PAGED: PagedLogView = {
  ...IDLE_LOG,
  hasOlder: false,
  isLoadingOlder: false,
  loadOlder: () => Promise.resolve(),
}
const IDLE_PIPELINE: PipelineView = { ...IDLE, stages: [] }

/** A view of one kind: as it is where no stream is wanted, before there is one, and how to open it. */
export interface Kind<O, V> {
  idle: V
  empty: V
  open(options: O, previous?: V): Source<V>
}

function kind<O, V extends StreamView>(idle: V, open: Kind<O, V>['open']): Kind<O, V> {
  return { idle, empty: { ...idle, state: { kind: 'connecting', attempt: 0 } }, open }
}

/** What tells one stream from another; null where none is wanted. A function for tokens may change without another. */
export function keyOf(options: LogViewOptions | PipelineViewOptions): string | null {
  const { taskId, pipelineId, url, token, transport, after, tail, filter, bufferSize, schedule, enabled } =
    options as LogViewOptions & PipelineViewOptions
  if (enabled === false || !(taskId ?? pipelineId)) return null
  return JSON.stringify([taskId, pipelineId, url, token, transport, after, tail, filter, bufferSize, schedule])
}

/** Watch a log; `previous` is shown until its first lines have come. */
export function logView(options: LogViewOptions, previous?: LogView): Source<LogView> {
  const view = changing({ ...IDLE_LOG, ...pending(previous) })
  return watched(view, options, (own) => {
    const stream = openLog(own)
    stream.on('entries', () => view.news({ entries: stream.entries }))
    watchLog(stream, view)
    return stream
  })
}

/** Watch a log, and page back in it: older lines in front of the live ones. */
export function pagedLogView(options: PagedLogOptions, previous?: PagedLogView): Source<PagedLogView> {
  const view = changing({ ...IDLE_PAGED, ...pending(previous) })
  const { pageSize = TAIL, linesMax = LINES_MAX } = options
  const tail = options.after === undefined ? (options.tail ?? TAIL) : undefined
  let stream: LogStream
  let loading: Promise<void> | undefined
  /** Counts lives of the journal and streams: an answer of an earlier one is worth nothing. */
  let life = 0
  const source = watched(view, options, (own) => {
    if (tail !== undefined) own.tail = tail
    stream = openLog(own)
    life++
    stream.on('entries', (batch) => {
      const { entries, hasOlder, isPrevious } = view.get()
      const all = isPrevious ? batch : [...entries, ...batch]
      const isFirst = isPrevious || !entries.length
      const older = isFirst ? all[0]!.sequence > 1 : hasOlder || all.length > linesMax
      view.news({ entries: all.slice(-linesMax), hasOlder: older })
    })
    stream.on('restart', () => {
      life++
      view.set({ hasOlder: false })
    })
    watchLog(stream, view)
    return stream
  })
  const load = async () => {
    const mine = life
    const first = view.get().entries[0]
    const epoch = stream.position?.split('-')[0]
    if (!first || !epoch || view.get().isPrevious || !view.get().hasOlder) return
    view.set({ isLoadingOlder: true })
    try {
      const filter = options.filter && { filter: options.filter }
      const query = { before: `${epoch}-${first.sequence}`, limit: pageSize, ...filter }
      const page = await gateway(source.options).history(first.taskId, query)
      if (mine !== life) return
      if (page.isRestart) return stream.reconnect() // the stream finds out, and says what is to be done
      view.set({ entries: [...page.entries, ...view.get().entries], hasOlder: page.hasPrevious, error: null })
    } catch (error) {
      if (mine === life) view.set({ error: error as GatewayError })
    } finally {
      view.set({ isLoadingOlder: false })
    }
  }
  view.set({
    loadOlder: () => {
      loading ??= load().finally(() => {
        loading = undefined
      })
      return loading
    },
  })
  return source
}

/** Watch a pipeline. */
export function pipelineView(options: PipelineViewOptions, previous?: PipelineView): Source<PipelineView> {
  const view = changing({ ...IDLE_PIPELINE, ...pending(previous) })
  return watched(view, options, (own) => {
    const stream = openPipeline(own as unknown as PipelineOptions)
    stream.on('progress', () => view.news({ stages: stream.stages }))
    stream.on('restart', () => view.news({ stages: stream.stages }))
    return stream
  })
}

/** What is shown of the stream before; its state and error are its own. */
function pending<V extends StreamView>(previous?: V): Partial<V> {
  if (!previous) return {}
  return { ...previous, state: { kind: 'connecting', attempt: 0 }, error: null, isPrevious: true }
}

/** The options themselves: the stream asks them before every connection. */
function openLog(own: LogViewOptions): LogStream {
  return (own.open ?? openLogStream)(own as LogStreamOptions)
}

function watchLog<V extends LogView>(stream: LogStream, view: Changing<V>): void {
  const set = view as unknown as Changing<LogView>
  stream.on('gap', (gap) => set.set({ gaps: [...set.get().gaps, gap].slice(-GAPS_MAX) }))
  stream.on('restart', () => set.news({ entries: [], gaps: [], complete: null }))
  stream.on('complete', (complete) => set.news({ complete }))
}

interface Changing<V> {
  get(): V
  set(change: Partial<V>): void
  /** The stream has something of its own: what was shown of another one goes. */
  news(change: Partial<V>): void
  subscribe(listener: () => void): () => void
}

/** A source around streams of one kind: one, and another one after a refusal. */
function watched<V extends StreamView>(
  view: Changing<V>,
  options: LogViewOptions | PipelineViewOptions,
  open: (options: LogViewOptions) => LogStream | PipelineStream,
) {
  // The stream asks its options before every connection, and streams with the same function for tokens share theirs.
  const own = { schedule: SCHEDULE, ...options } as LogViewOptions
  const set = view as unknown as Changing<StreamView>
  let stream: LogStream | PipelineStream
  const start = () => {
    set.set({ state: { kind: 'connecting', attempt: 0 }, error: null })
    stream = open(own)
    stream.on('state', (state) => set.set({ state }))
    stream.on('error', (error) => set.news({ error }))
  }
  set.set({ reconnect: () => (stream.state.kind === 'closed' ? start() : stream.reconnect()) })
  start()
  return {
    get: view.get,
    subscribe: view.subscribe,
    options: own,
    update({ getToken }: { getToken?: LogStreamOptions['getToken'] }) {
      own.getToken = getToken
    },
    close: () => stream.close(),
  }
}

function changing<V extends StreamView>(value: V): Changing<V> & { get(): V } {
  const empty = { ...IDLE_PAGED, ...IDLE_PIPELINE } as unknown as V
  const listeners = new Set<() => void>()
  const set = (change: Partial<V>) => {
    value = { ...value, ...change }
    for (const listener of [...listeners]) listener()
  }
  return {
    get: () => value,
    set,
    news(change) {
      const { state, error, isPrevious } = value
      set(isPrevious ? { ...pick(empty, value), state, error, isPrevious: false, ...change } : change)
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

/** What a view has, as it is where there is nothing; what it can do stays. */
function pick<V extends object>(empty: V, like: V): Partial<V> {
  const names = Object.keys(like) as (keyof V)[]
  return Object.fromEntries(
    names.filter((name) => typeof like[name] !== 'function').map((name) => [name, empty[name]]),
  ) as Partial<V>
}

export const LOG = kind(IDLE_LOG, logView)
export const PAGED_LOG = kind(IDLE_PAGED, pagedLogView)
export const PIPELINE = kind(IDLE_PIPELINE, pipelineView)
