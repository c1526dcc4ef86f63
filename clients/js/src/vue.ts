/** Vue composables around the streams; everything that they do is done there. */
import {
  getCurrentInstance,
  type MaybeRefOrGetter,
  onMounted,
  onScopeDispose,
  type ShallowRef,
  shallowRef,
  toValue,
  watch,
} from 'vue'
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
export function useLogStream(options: MaybeRefOrGetter<UseLogStreamOptions>): Readonly<ShallowRef<LogView>> {
  return useSource(options, (now) => logView(now, now.open), EMPTY_LOG)
}

/** The present state of a pipeline's stages. */
export function usePipelineProgress(options: MaybeRefOrGetter<PipelineOptions>): Readonly<ShallowRef<PipelineView>> {
  return useSource(options, pipelineView, EMPTY_PIPELINE)
}

function useSource<O extends LogStreamOptions | PipelineOptions, T>(
  options: MaybeRefOrGetter<O>,
  open: (options: O) => Source<T>,
  empty: T,
): Readonly<ShallowRef<T>> {
  const view = shallowRef(empty) as ShallowRef<T>
  let source: Source<T> | undefined
  const reopen = () => {
    source?.close()
    const opened = open(toValue(options))
    source = opened
    view.value = opened.get()
    opened.subscribe(() => {
      if (source === opened) view.value = opened.get()
    })
  }
  const start = () => {
    watch(() => keyOf(toValue(options)), reopen, { immediate: true })
    watch(
      () => {
        const { filter, getToken } = toValue(options) as LogStreamOptions
        return [JSON.stringify(filter), getToken]
      },
      () => source?.update(toValue(options)),
    )
  }
  // A component that is rendered on a server is never mounted, and nothing would close its stream.
  if (getCurrentInstance()) onMounted(start)
  else start()
  onScopeDispose(() => source?.close())
  return view
}
