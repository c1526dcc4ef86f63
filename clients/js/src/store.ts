/** Stores as Svelte and others want them: open from the first subscriber to the last. */
import {
  type Kind,
  keyOf,
  type LogViewOptions,
  PAGED_LOG,
  type PagedLogOptions,
  type PagedLogView,
  PIPELINE,
  type PipelineView,
  type PipelineViewOptions,
  type Source,
} from './view.ts'

export type { PagedLogView, PipelineView, ViewState } from './view.ts'

/** `subscribe` calls at once with the present value, then with each other one. */
export interface Readable<V> {
  subscribe(run: (value: V) => void): () => void
}

/** A task's live log from its last lines on, and the older ones page by page. */
export function logStore(options: PagedLogOptions): Readable<PagedLogView> {
  return shared(options, PAGED_LOG)
}

/** The present state of a pipeline's stages. */
export function pipelineStore(options: PipelineViewOptions): Readable<PipelineView> {
  return shared(options, PIPELINE)
}

function shared<O extends LogViewOptions | PipelineViewOptions, V>(options: O, kind: Kind<O, V>): Readable<V> {
  const runs = new Set<(value: V) => void>()
  let source: Source<V> | null = null
  return {
    subscribe(run) {
      const own = (value: V) => run(value) // the same function may subscribe twice
      if (!runs.size) {
        source = keyOf(options) === null ? null : kind.open(options)
        source?.subscribe(() => {
          const value = source?.get() ?? kind.idle
          for (const each of [...runs]) each(value)
        })
      }
      runs.add(own)
      own(source?.get() ?? kind.idle)
      return () => {
        if (!runs.delete(own) || runs.size) return
        source?.close()
        source = null
      }
    },
  }
}
