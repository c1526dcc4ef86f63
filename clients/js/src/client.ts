/** A gateway, named once: its streams and what it has stored. */
import { type Gateway, gateway } from './history.ts'
import { openLogStream } from './log-stream.ts'
import { openPipeline } from './pipeline.ts'
import type { ConnectionOptions, LogStream, LogStreamOptions, PipelineOptions, PipelineStream } from './types.ts'
import { openUpdates, type UpdateStream } from './updates.ts'

export type { IncidentUpdated, JobProgress, LogsUpdated, UpdateEvents, UpdateStream } from './updates.ts'
export { openUpdates } from './updates.ts'

export type ClientOptions = Omit<ConnectionOptions, 'signal'>

/** All calls of `otto-logs/history`, and the streams. */
export interface Client extends Gateway {
  /** Where it is and how it is reached: `useLog({ ...client.options, taskId })`. */
  readonly options: ClientOptions
  log(taskId: string, options?: Omit<LogStreamOptions, 'url' | 'taskId'>): LogStream
  pipeline(pipelineId: string, options?: Omit<PipelineOptions, 'url' | 'pipelineId'>): PipelineStream
  updates(options?: Omit<ConnectionOptions, 'url'>): UpdateStream
}

/** A client of one gateway. It opens nothing by itself. */
export function createClient(options: ClientOptions): Client {
  return {
    ...gateway(options),
    options,
    log: (taskId, own) => openLogStream({ ...options, ...own, taskId }),
    pipeline: (pipelineId, own) => openPipeline({ ...options, ...own, pipelineId }),
    updates: (own) => openUpdates({ ...options, ...own }),
  }
}
