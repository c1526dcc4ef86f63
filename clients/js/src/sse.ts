/** Server-Sent Events over fetch: unlike EventSource it sends a token, sees the status, and can be told when to stop. */
import { createParser } from 'eventsource-parser'
import { endpoint, filterQuery, request } from './address.ts'
import { retryAfter } from './backoff.ts'
import { described, type Ending, GatewayError, refusal } from './errors.ts'
import type { Attempt } from './reconnecting.ts'
import type { Subject } from './subject.ts'
import type { ConnectionOptions } from './types.ts'

/** Characters of one event; the gateway's longest lines are far below. */
const EVENT_MAX = 16 << 20

export interface ServerEvent {
  name: string
  id: string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: checked where it is used
  data: any
}

/**
 * Give every event of a response's body to `take` until it returns something, which is then the result; undefined at the end of the body.
 *
 * A half event at the end is none.
 */
export async function readEvents<T>(
  body: ReadableStream<Uint8Array>,
  take: (event: ServerEvent) => T | undefined,
  between?: () => Promise<unknown> | undefined,
  onRetry?: (milliseconds: number) => void,
): Promise<T | undefined> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let result: T | undefined
  let broken: GatewayError | undefined
  const parser = createParser({
    maxBufferSize: EVENT_MAX,
    onEvent({ event = 'message', id, data }) {
      if (result !== undefined || broken) return
      try {
        result = take({ name: event, id, data: JSON.parse(data) })
      } catch (error) {
        broken = error instanceof GatewayError ? error : new GatewayError('PROTOCOL', `${error}`)
      }
    },
    onError(error) {
      if (error.type === 'max-buffer-size-exceeded') broken ??= new GatewayError('PROTOCOL', 'endless')
    },
    ...(onRetry && { onRetry }),
  })
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return undefined
      parser.feed(decoder.decode(value, { stream: true }))
      if (result !== undefined) return result
      if (broken) throw broken
      await between?.()
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}

/** Split `<epoch>-<number>` or `<epoch>-<number>.end`. */
export function splitPosition(position: string | undefined): [epoch: string | undefined, number: number] {
  const [, epoch, number] = /^(?:([0-9a-f]{8})-)?(\d{1,18})(?:\.end)?$/.exec(position ?? '') ?? []
  return [epoch, Number(number)]
}

/** Serve one connection. */
export function overSse(options: ConnectionOptions, subject: Subject, attempt: Attempt): Promise<Ending> {
  const { after, tail, filter } = subject.start()
  const id = encodeURIComponent(subject.id)
  const path = subject.kind === 'task' ? `logs/${id}/stream` : `pipelines/${id}/progress`
  const address = endpoint(options.url, path, { after, tail, ...filterQuery(filter) })
  return listen(
    options,
    address,
    attempt,
    ({ name, id: position, data }) => {
      const [epoch, number] = splitPosition(position)
      if (epoch) subject.epoch(epoch)
      if (name === 'message') {
        if (!epoch || data.sequence !== number) throw new GatewayError('PROTOCOL', `line with id ${position}`)
        subject.entry(data)
      } else if (name === 'gap') subject.gap(data)
      else if (name === 'progress') subject.progress(data, number)
      else if (name === 'complete') {
        subject.complete(data)
        return { complete: true }
      }
      return undefined
    },
    () => subject.room(),
  )
}

/** Give the events of one connection to `take`, but for errors, until it says how it ends. */
export async function listen(
  options: ConnectionOptions,
  address: string,
  attempt: Attempt,
  take: (event: ServerEvent) => Ending | undefined,
  room: () => Promise<unknown> | undefined,
): Promise<Ending> {
  const response = await request(options, address, 'text/event-stream', attempt.token, attempt.signal)
  if (response.status === 204) return { complete: true }
  const wait = retryAfter(response.headers.get('Retry-After'), Date.now())
  if (!response.ok) return { error: await refusal(response), retryAfter: wait }
  if (!response.body || !response.headers.get('Content-Type')?.startsWith('text/event-stream')) {
    response.body?.cancel().catch(() => {})
    return { error: new GatewayError('PROTOCOL', 'no event stream', response.status), retryAfter: wait }
  }
  attempt.opened()
  const ending = await readEvents<Ending>(
    response.body,
    (event) => {
      if (attempt.signal.aborted) return {}
      attempt.heard(event.name !== 'error')
      return event.name === 'error' ? { error: described(event.data) } : take(event)
    },
    () => {
      attempt.heard()
      return room()
    },
    attempt.asked,
  )
  return ending ?? {}
}
