/** React hooks around the streams; everything that they do is done there. */
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import {
  type Kind,
  keyOf,
  LOG,
  type LogView,
  type LogViewOptions,
  PAGED_LOG,
  type PagedLogOptions,
  type PagedLogView,
  PIPELINE,
  type PipelineView,
  type PipelineViewOptions,
  type Source,
} from './view.ts'

export type { LogView, PagedLogView, PipelineView, ViewState } from './view.ts'
export type { LogViewOptions as UseLogStreamOptions, PagedLogOptions as UseLogOptions }

/** A task's live log; whatever changes in the options, but for functions, opens another stream. */
export function useLogStream(options: LogViewOptions): LogView {
  return useView(options, LOG)
}

/** A task's live log from its last lines on, and the older ones page by page. */
export function useLog(options: PagedLogOptions): PagedLogView {
  return useView(options, PAGED_LOG)
}

/** The present state of a pipeline's stages. */
export function usePipelineProgress(options: PipelineViewOptions): PipelineView {
  return useView(options, PIPELINE)
}

function useView<O extends LogViewOptions | PipelineViewOptions, V extends object>(options: O, kind: Kind<O, V>): V {
  const key = keyOf(options)
  const [opened, setOpened] = useState<{ key: string; source: Source<V> } | null>(null)
  const last = useRef<V>(undefined)
  useEffect(() => {
    if (key === null) return undefined
    const source = kind.open(options, options.keepPrevious ? last.current : undefined)
    setOpened({ key, source })
    return () => {
      last.current = source.get()
      setOpened(null)
      source.close()
    }
  }, [key])
  // With another key, what was opened is of another task until the effect has run.
  const source = opened?.key === key ? opened.source : null
  useEffect(() => source?.update(options))
  const subscribe = useCallback((listener: () => void) => source?.subscribe(listener) ?? (() => {}), [source])
  const before = useMemo(() => {
    const view = options.keepPrevious && key !== null && !source && (opened?.source.get() ?? last.current)
    return view ? { ...view, isPrevious: true } : key === null ? kind.idle : kind.empty
  }, [key, opened])
  return useSyncExternalStore(
    subscribe,
    () => source?.get() ?? before,
    () => (key === null ? kind.idle : kind.empty),
  )
}
