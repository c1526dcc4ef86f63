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
  return useView(
    useSource(options, () => logView(options, options.open)),
    EMPTY_LOG,
  )
}

/** The present state of a pipeline's stages. */
export function usePipelineProgress(options: PipelineOptions): PipelineView {
  return useView(
    useSource(options, () => pipelineView(options)),
    EMPTY_PIPELINE,
  )
}

function useSource<T>(options: LogStreamOptions | PipelineOptions, open: () => Source<T>): Source<T> | null {
  const key = keyOf(options)
  const [opened, setOpened] = useState<{ key: string; source: Source<T> } | null>(null)
  useEffect(() => {
    const source = open()
    setOpened({ key, source })
    return () => {
      setOpened(null)
      source.close()
    }
  }, [key])
  // With another key, what was opened is of another task until the effect has run.
  const source = opened?.key === key ? opened.source : null
  useEffect(() => source?.update(options))
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
