/** React hooks around the streams; everything that they do is done there. */
import { useCallback, useEffect, useState, useSyncExternalStore } from 'react'
import type { LogStream, LogStreamOptions, PipelineOptions } from './types.ts'
import {
  EMPTY_LOG,
  EMPTY_PIPELINE,
  keyOf,
  type LogView,
  logView,
  type PipelineView,
  pipelineView,
  type Source,
} from './view.ts'

export type { LogView, PipelineView } from './view.ts'

/** Another `open` than `openLogStream`, like `openSharedLogStream`. */
export type UseLogStreamOptions = LogStreamOptions & { open?: (options: LogStreamOptions) => LogStream }

/** A task's live log. Another filter is applied in place; anything else that changes opens another stream. */
export function useLogStream(options: UseLogStreamOptions): LogView {
  const source = useSource(keyOf(options), () => logView(options, options.open))
  const filter = JSON.stringify(options.filter ?? {})
  useEffect(() => source?.setFilter(JSON.parse(filter)), [source, filter])
  return useView(source, EMPTY_LOG)
}

/** The present state of a pipeline's stages. */
export function usePipelineProgress(options: PipelineOptions): PipelineView {
  const source = useSource(keyOf(options), () => pipelineView(options))
  return useView(source, EMPTY_PIPELINE)
}

function useSource<T>(key: string, open: () => Source<T>): Source<T> | null {
  const [source, setSource] = useState<Source<T> | null>(null)
  useEffect(() => {
    const opened = open()
    setSource(opened)
    return () => {
      setSource(null)
      opened.close()
    }
  }, [key])
  return source
}

function useView<T>(source: Source<T> | null, empty: T): T {
  const subscribe = useCallback((listener: () => void) => source?.subscribe(listener) ?? (() => {}), [source])
  return useSyncExternalStore(
    subscribe,
    () => source?.get() ?? empty,
    () => empty,
  )
}
