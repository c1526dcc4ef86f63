/** Socket.IO with the caller's `io`: all streams with the same address and token share connections. */
import { baseUrl } from './address.ts'
import { described, type Ending, GatewayError } from './errors.ts'
import type { Attempt } from './reconnecting.ts'
import type { Subject } from './subject.ts'
import type { ConnectionOptions, LogEntry, Socket, SocketIo } from './types.ts'

/** The gateway's own limit of subscriptions on one connection. */
const CHANNELS_MAX = 100

interface Answer {
  code?: string
  message?: string
  epoch?: string
}

/** One subscription on a link. */
interface Channel {
  /** Missing until the gateway has answered. */
  subject?: Subject
  begin(): void
  heard(useful?: boolean): void
  entries(entries: LogEntry[]): void
  end(ending: Ending): void
}

/** Streams whose tokens come from the same function, or are the same text, may share. */
const links = new WeakMap<SocketIo, Set<Link>>()

/** One connection. It is never reconnected: another one takes its place, with a token of its own. */
class Link {
  readonly channels = new Map<string, Channel>()
  readonly socket: Socket
  /** Nobody uses it any more. One that never connected does not say that it has disconnected. */
  readonly close: () => void
  #ending: Ending = {}

  constructor(
    options: ConnectionOptions,
    token: string | undefined,
    readonly place: string,
    readonly secret: unknown,
    forget: () => void,
  ) {
    const base = baseUrl(options.url)
    const socket = options.io!(`${base.origin}/log-streaming`, {
      path: `${base.pathname}socket.io/`,
      auth: token ? { token } : {},
      forceNew: true,
      reconnection: false,
    })
    this.socket = socket
    this.close = () => {
      forget()
      socket.disconnect()
    }
    const end = (ending: Ending) => {
      forget()
      for (const channel of [...this.channels.values()]) channel.end(ending)
      socket.disconnect()
    }
    const route = (kind: Subject['kind'], payload: { taskId?: string; pipelineId?: string }) =>
      this.channels.get(`${kind}:${kind === 'task' ? payload?.taskId : payload?.pipelineId}`)
    /** What the gateway says is not to be trusted: a wrong word costs the connection, and nothing else. */
    // biome-ignore lint/suspicious/noExplicitAny: this is where it is found out
    const on = (name: string, take: (payload: any) => void) =>
      socket.on(name, (payload) => {
        try {
          take(payload)
        } catch (error) {
          end({ error: error instanceof GatewayError ? error : new GatewayError('PROTOCOL', `${name}: ${error}`) })
        }
      })
    socket.on('connect', () => {
      for (const channel of this.channels.values()) channel.begin()
    })
    socket.on('connect_error', (error: Error & { data?: Answer }) =>
      end(error.data ? { error: described(error.data) } : {}),
    )
    socket.on('disconnect', () => end(this.#ending))
    on('closing', (notice: Answer & { retryMilliseconds?: number }) => {
      this.#ending = { error: described(notice), retryAfter: notice.retryMilliseconds ?? 0 }
    })
    on('log-entries', (entries: LogEntry[]) => {
      const channel = route('task', entries[0]!)
      channel?.heard(true)
      channel?.entries(entries)
    })
    on('log-gap', (gap) => route('task', gap)?.subject?.gap(gap))
    on('log-complete', (completion) => {
      const channel = route('task', completion)
      if (!channel?.subject) return
      channel.subject.complete(completion)
      channel.end({ complete: true })
    })
    on('pipeline-progress', (progress) => {
      const channel = route('pipeline', progress)
      channel?.heard(true)
      channel?.subject?.progress(progress)
    })
    // Answers have callbacks; this is the gateway taking a subscription back.
    on('subscription_error', (answer: Answer & { taskId?: string; pipelineId?: string }) =>
      route(answer.pipelineId ? 'pipeline' : 'task', answer)?.end({ error: described(answer) }),
    )
    socket.io.on('ping', () => {
      // It says nothing of a subscription that was not answered.
      for (const channel of this.channels.values()) if (channel.subject) channel.heard()
    })
  }
}

/** Serve one subscription. */
export function overSocketIo(options: ConnectionOptions, subject: Subject, attempt: Attempt): Promise<Ending> {
  const isTask = subject.kind === 'task'
  const key = `${subject.kind}:${subject.id}`
  const name = isTask ? { taskId: subject.id } : { pipelineId: subject.id }
  const noun = isTask ? 'logs' : 'pipeline'
  // It may have been closed while this module was loaded.
  if (attempt.signal.aborted) return Promise.resolve({})
  const link = linkFor(options, attempt.token, key)
  const { socket } = link
  return new Promise<Ending>((resolve) => {
    let begun = false
    const leave = () => {
      subject.changeFilter = undefined
      if (link.channels.get(key) !== channel) return
      link.channels.delete(key)
      if (!link.channels.size) link.close()
      else if (begun) socket.emit(`unsubscribe-from-${noun}`, name)
    }
    const changeFilter: Subject['changeFilter'] = (filter) =>
      new Promise((accept, reject) => {
        attempt.signal.addEventListener('abort', () => reject())
        socket.emit('update-log-filter', { ...name, filter }, (answer: Answer) =>
          answer.code ? reject(described(answer)) : accept(),
        )
      })
    const channel: Channel = {
      begin() {
        begun = true
        const payload = isTask ? { ...name, ...subject.start(), batch: true } : name
        socket.emit(`subscribe-to-${noun}`, payload, (answer: Answer) => {
          if (attempt.signal.aborted) return
          if (answer.code) {
            channel.end({ error: described(answer) })
            return
          }
          // What came before belongs to a subscription that this one follows: answers keep the order.
          channel.subject = subject
          if (answer.epoch) subject.epoch(answer.epoch)
          if (isTask) subject.changeFilter = changeFilter
          attempt.opened()
        })
      },
      heard: attempt.heard,
      entries(entries) {
        if (!channel.subject) return
        for (const entry of entries) if (!attempt.signal.aborted) subject.entry(entry)
        // Nothing holds up the lines of one subscription but its end: come back when there is room.
        const room = subject.room()
        if (!room || attempt.signal.aborted) return
        leave()
        room.then(() => resolve({ atOnce: true }))
      },
      end(ending) {
        begun = false // it is over on the other side as well
        leave()
        resolve(ending)
      },
    }
    attempt.signal.addEventListener('abort', leave)
    link.channels.set(key, channel)
    if (socket.connected) channel.begin()
  })
}

function linkFor(options: ConnectionOptions, token: string | undefined, key: string): Link {
  const io = options.io!
  const pool = links.get(io) ?? new Set()
  links.set(io, pool)
  const place = baseUrl(options.url).href
  const secret = options.getToken ?? token
  for (const link of pool) {
    const { size } = link.channels
    if (link.place === place && link.secret === secret && size && size < CHANNELS_MAX && !link.channels.has(key)) {
      return link
    }
  }
  const link = new Link(options, token, place, secret, () => pool.delete(link))
  pool.add(link)
  return link
}
