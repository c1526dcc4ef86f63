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
export function useLogStream(options: MaybeRefOrGetter<LogViewOptions>): Readonly<ShallowRef<LogView>> {
  return useView(options, LOG)
}

/** A task's live log from its last lines on, and the older ones page by page. */
export function useLog(options: MaybeRefOrGetter<PagedLogOptions>): Readonly<ShallowRef<PagedLogView>> {
  return useView(options, PAGED_LOG)
}

/** The present state of a pipeline's stages. */
export function usePipelineProgress(
  options: MaybeRefOrGetter<PipelineViewOptions>,
): Readonly<ShallowRef<PipelineView>> {
  return useView(options, PIPELINE)
}

function useView<O extends LogViewOptions | PipelineViewOptions, V>(
  options: MaybeRefOrGetter<O>,
  kind: Kind<O, V>,
): Readonly<ShallowRef<V>> {
  const before = () => (keyOf(toValue(options)) === null ? kind.idle : kind.empty)
  const view = shallowRef(before()) as ShallowRef<V>
  let source: Source<V> | undefined
  const reopen = (key: string | null) => {
    const now = toValue(options)
    source?.close()
    const opened = key === null ? undefined : kind.open(now, source && now.keepPrevious ? view.value : undefined)
    source = opened
    view.value = opened?.get() ?? before()
    opened?.subscribe(() => {
      if (source === opened) view.value = opened.get()
    })
  }
  const start = () => {
    watch(() => keyOf(toValue(options)), reopen, { immediate: true })
    watch(
      () => toValue(options).getToken,
      () => source?.update(toValue(options)),
    )
  }
  // A component that is rendered on a server is never mounted, and nothing would close its stream.
  if (getCurrentInstance()) onMounted(start)
  else start()
  onScopeDispose(() => source?.close())
  return view
}
