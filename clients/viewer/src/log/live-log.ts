/** A task's live lines: over a stream where one is free among all tabs, or else by asking again and again. */
import {
  GatewayError,
  type GatewayOptions,
  type LogEntry,
  type LogFilter,
  type LogStreamEvents,
  openLogStream,
  type StreamState,
} from 'otto-logs'
import type { Gateway } from 'otto-logs/history'
import { isRefusal } from './refusals'
import { takeSlot } from './stream-slots'

export type LiveState = StreamState['kind']

export interface LiveHandlers {
  entries(batch: LogEntry[]): void
  gap(gap: LogStreamEvents['gap']): void
  /** The journal began another life: what was shown belongs to the past. */
  restart(): void
  state(state: LiveState): void
  complete(end: { status: string; lastSequence: number }): void
  refused(error: GatewayError): void
}

/** Where a task's log is asked for. */
export interface LogSource {
  options: GatewayOptions
  stored: Gateway
  taskId: string
}

const BACKOFF = { min: 400, max: 8000 }
const POLL_MILLISECONDS = 1000
const POLL_LINES = 5000
/** The page keeps lines itself. */
const BUFFER_LINES = 1000

/** Follow a log behind `after`; what it returns ends that, and nothing is told afterwards. */
export function followLog(source: LogSource, filter: LogFilter, after: string, handlers: LiveHandlers): () => void {
  const life = new AbortController()
  void follow(source, filter, after, guarded(handlers, life.signal), life.signal)
  return () => life.abort()
}

async function follow(
  source: LogSource,
  filter: LogFilter,
  after: string,
  handlers: LiveHandlers,
  life: AbortSignal,
): Promise<void> {
  let position = after
  handlers.state('connecting')
  while (!life.aborted) {
    const release = await takeSlot()
    if (release) {
      if (life.aborted) release()
      else stream(source, filter, position, handlers, life, release)
      return
    }
    try {
      const next = await poll(source, filter, position, handlers, life)
      if (next === null) return
      position = next
    } catch (error) {
      if (isRefusal(error)) {
        handlers.state('closed')
        handlers.refused(error)
        return
      }
      handlers.state('waiting')
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS))
  }
}

function stream(
  { options, taskId }: LogSource,
  filter: LogFilter,
  after: string,
  handlers: LiveHandlers,
  life: AbortSignal,
  release: () => void,
): void {
  const log = openLogStream({
    ...options,
    taskId,
    filter,
    after,
    backoff: BACKOFF,
    bufferSize: BUFFER_LINES,
    signal: life,
  })
  log.on('entries', handlers.entries)
  log.on('gap', handlers.gap)
  log.on('restart', handlers.restart)
  log.on('complete', handlers.complete)
  log.on('error', handlers.refused)
  log.on('state', ({ kind }) => {
    if (kind === 'complete' || kind === 'closed') release()
    handlers.state(kind)
  })
}

/** What came since, without a connection of one's own; where to go on, or null where nothing more will come. */
async function poll(
  { stored, taskId }: LogSource,
  filter: LogFilter,
  after: string,
  handlers: LiveHandlers,
  life: AbortSignal,
): Promise<string | null> {
  let position = after
  while (!life.aborted) {
    const page = await stored
      .history(taskId, { after: position, limit: POLL_LINES, filter, signal: life })
      .catch((error) => {
        if (error instanceof GatewayError && error.status === 404) return null // it has no lines yet
        throw error
      })
    handlers.state('open')
    if (!page) return position
    if (page.isRestart) {
      handlers.restart()
      return null
    }
    for (const gap of page.gaps) handlers.gap(gap)
    if (page.entries.length) handlers.entries(page.entries)
    position = page.next ?? position
    if (page.hasNext && page.next) continue
    if (page.status === 'RUNNING' || page.status === 'UNKNOWN') return position
    handlers.complete(page)
    handlers.state('complete')
    return null
  }
  return null
}

/** The same, silent from the end of `life` on. */
function guarded(handlers: LiveHandlers, life: AbortSignal): LiveHandlers {
  const unlessOver =
    <A extends unknown[]>(handle: (...values: A) => void) =>
    (...values: A) => {
      if (!life.aborted) handle(...values)
    }
  return {
    entries: unlessOver(handlers.entries),
    gap: unlessOver(handlers.gap),
    restart: unlessOver(handlers.restart),
    state: unlessOver(handlers.state),
    complete: unlessOver(handlers.complete),
    refused: unlessOver(handlers.refused),
  }
}
