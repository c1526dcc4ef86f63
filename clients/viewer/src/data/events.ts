// Server-Sent Events: a parser for answers of `fetch`, and a stream of the browser's own that comes back for good.

export interface ServerEvent {
  type: string
  data: string
}

/** The events of a body, as the standard reads them; ids and pauses are of no use here. */
export async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader()
  let rest = ''
  let type = ''
  let data: string[] = []
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const lines = (rest + value).split(/\r\n|\n|\r(?!$)/)
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (line === '') {
          if (data.length) yield { type: type || 'message', data: data.join('\n') }
          type = ''
          data = []
          continue
        }
        const colon = line.indexOf(':')
        const field = colon < 0 ? line : line.slice(0, colon)
        const text = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
        if (field === 'event') type = text
        else if (field === 'data') data.push(text)
      }
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

const PAUSE_MILLISECONDS = 4000

/**
 * Listens to an address until the returned function is called. EventSource gives up for good after an answer that is
 * not 200; this opens it again.
 */
export function listenTo(
  url: string,
  handlers: Record<string, (data: unknown) => void>,
  onState: (isOpen: boolean) => void = () => {},
): () => void {
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let isOver = false
  const start = () => {
    source = new EventSource(url)
    source.onopen = () => onState(true)
    source.onerror = () => {
      onState(false)
      if (!isOver && source?.readyState === EventSource.CLOSED) timer = setTimeout(start, PAUSE_MILLISECONDS)
    }
    for (const [type, handle] of Object.entries(handlers)) {
      source.addEventListener(type, (event) => {
        if (type === 'complete') {
          isOver = true
          source?.close()
        }
        handle(JSON.parse((event as MessageEvent<string>).data))
      })
    }
  }
  start()
  return () => {
    isOver = true
    clearTimeout(timer)
    source?.close()
  }
}
