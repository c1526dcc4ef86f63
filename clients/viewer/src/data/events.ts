// Events that are no log and no pipeline, from a stream of the browser's own that comes back for good.

const PAUSE_MILLISECONDS = 4000

/**
 * Listens to an address until the returned function is called. EventSource gives up for good after an answer that is
 * not 200; this opens it again.
 */
export function listenTo(url: string, handlers: Record<string, (data: unknown) => void>): () => void {
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let isOver = false
  const start = () => {
    source = new EventSource(url)
    source.onerror = () => {
      if (!isOver && source?.readyState === EventSource.CLOSED) timer = setTimeout(start, PAUSE_MILLISECONDS)
    }
    for (const [type, handle] of Object.entries(handlers)) {
      source.addEventListener(type, (event) => handle(JSON.parse((event as MessageEvent<string>).data)))
    }
  }
  start()
  return () => {
    isOver = true
    clearTimeout(timer)
    source?.close()
  }
}
