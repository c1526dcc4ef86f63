/** What a transport carries: one task's log or one pipeline's progress. */
import type { Completion, Gap, LogEntry, LogFilter, PipelineProgress } from './types.ts'

export interface Subject {
  readonly kind: 'task' | 'pipeline'
  readonly id: string
  /** Where to go on, and with which filter: asked once for every connection. */
  start(): { after?: string | undefined; tail?: number | undefined; filter?: LogFilter }
  /** The life of the journal that what follows belongs to; before the first entry of every connection. */
  epoch(epoch: string): void
  entry(entry: LogEntry): void
  gap(gap: Gap): void
  complete(completion: Completion): void
  progress(progress: PipelineProgress, number?: number): void
  /** Resolves when there is room for more; undefined where there is some now. */
  room(): Promise<unknown> | undefined
  /** Set by a transport that can change the filter of an open connection. */
  changeFilter?: ((filter: LogFilter) => Promise<void>) | undefined
}
