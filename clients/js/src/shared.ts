/**
 * One connection for all tabs that watch the same task with the same filter.
 *
 * One tab, elected through the Web Lock of the log's name, holds the connection and passes on what comes over a
 * BroadcastChannel. The other tabs are streams whose transport is that channel: where they go on, what they drop and
 * when they start anew they decide as over any other transport, so a tab that dies costs no line. Without locks or
 * channels (an insecure page, Node), and where the leader no longer holds the lines that a tab wants, a tab has a
 * connection of its own.
 */
import { baseUrl } from './address.ts'
import { type Ending, GatewayError } from './errors.ts'
import { TaskLog, type Transport, transportOf } from './log-stream.ts'
import type { Attempt } from './reconnecting.ts'
import { Shelf } from './shelf.ts'
import { splitPosition } from './sse.ts'
import type { Subject } from './subject.ts'
import type { Completion, Gap, LogEntry, LogFilter, LogStream, LogStreamOptions, StreamState } from './types.ts'

/** How long a leader may take to answer. A hidden tab's timers run late, but its messages do not. */
const ANSWER_MILLISECONDS = 3000
/** How often a leader says that it lives; what it hears of the gateway is its own connection's affair. */
const PULSE_MILLISECONDS = 20_000
/** How long a leader stays after the end of the stream: for tabs that are about to ask, and for those that do not say that they have heard. */
const FAREWELL_MILLISECONDS = { min: 100, max: 3000 }
/** Entries in one message: more would hold up the tab that reads it. */
const MESSAGE_ENTRIES = 1000

type Message =
  | { type: 'lead' }
  | { type: 'ask'; from: string; after?: string | undefined; tail?: number | undefined }
  | { type: 'answer'; to: string; epoch: string | undefined; entries: LogEntry[]; rest?: Message[] }
  | { type: 'refuse'; to: string }
  | { type: 'left'; from: string }
  | { type: 'entries'; epoch: string; entries: LogEntry[] }
  | { type: 'gap'; gap: Gap }
  | { type: 'complete'; completion: Completion }
  | { type: 'failed'; code: string; message: string; status: number | undefined; field: string | undefined }
  | { type: 'state'; state: StreamState }
  | { type: 'pulse' }

/** As `openLogStream`, over a connection that all tabs share. */
export function openSharedLogStream(options: LogStreamOptions): LogStream {
  const own = transportOf(options)
  const isPossible = globalThis.navigator?.locks && typeof BroadcastChannel !== 'undefined'
  return new TaskLog(
    options,
    isPossible ? (_options, subject, attempt) => new Member(options, own, subject, attempt).serve() : own,
  )
}

/** What all who may share have in common. A token is not told, but those with different ones do not share. */
function nameOf(options: LogStreamOptions, filter: LogFilter = {}): string {
  const wanted = Object.entries(filter).filter(([, value]) => value?.length)
  const token = options.getToken ? 'renewed' : fingerprint(options.token ?? '')
  return JSON.stringify(['otto-logs', baseUrl(options.url).href, options.taskId, wanted.sort(), token])
}

/** FNV-1a: tells tokens apart, and none from its fingerprint. */
function fingerprint(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}

/** One connection of one tab's stream to the others; the lines themselves come from whoever leads. */
class Member {
  #id = crypto.randomUUID()
  #name: string
  #channel: BroadcastChannel
  #done!: (ending: Ending | Promise<Ending>) => void
  #role: 'asking' | 'following' | 'leading' | 'alone' = 'asking'
  #forget = () => {}
  /** Those that were answered and have not left; of tabs that died it may hold some. */
  #followers = new Set<string>()
  /** Aborted when this tab is not to lead, or no longer. */
  #left = new AbortController()

  constructor(
    readonly options: LogStreamOptions,
    readonly own: Transport,
    readonly subject: Subject,
    readonly attempt: Attempt,
  ) {
    this.#name = nameOf(options, subject.start().filter)
    this.#channel = new BroadcastChannel(this.#name)
  }

  async serve(): Promise<Ending> {
    const ended = new Promise<Ending>((resolve) => {
      this.#done = resolve
    })
    const { signal } = this.attempt
    signal.addEventListener('abort', () => this.#done({}))
    this.#channel.onmessage = ({ data }: MessageEvent<Message>) => this.#hear(data)
    const { signal: left } = this.#left
    // Whoever gets the lock leads until its stream ends; the others wait for it, and follow meanwhile.
    const led = navigator.locks
      .request(this.#name, { signal: left }, () => (left.aborted || signal.aborted ? undefined : this.#lead()))
      .catch((error) => {
        if (!left.aborted) this.#done({ error: new GatewayError('CONNECTION_LOST', `${error}`) })
      })
    this.#ask()
    const ending = await ended
    this.#forget()
    this.#leave()
    this.#left.abort()
    void led.then(() => this.#channel.close())
    return ending
  }

  #say(message: Message): void {
    this.#channel.postMessage(message)
  }

  #leave(): void {
    if (this.#role === 'asking' || this.#role === 'following') this.#say({ type: 'left', from: this.#id })
  }

  #ask(): void {
    const { after, tail } = this.subject.start()
    this.#say({ type: 'ask', from: this.#id, after, tail })
    this.#wait()
  }

  #wait(): void {
    this.#forget()
    this.#forget = patiently(ANSWER_MILLISECONDS, () => this.#alone())
  }

  /** Nobody has the lines that are wanted here, or this tab cannot keep up with the others. */
  #alone(): void {
    this.#leave()
    this.#role = 'alone'
    this.#forget()
    this.#left.abort()
    this.#done(this.own(this.options, this.subject, this.attempt))
  }

  /**
   * A leader's messages arrive in the order in which they were sent. So its answer holds everything up to it, and what
   * follows it belongs behind it: what came before it is not needed.
   */
  #hear(message: Message): void {
    if (this.#role === 'leading' || this.#role === 'alone' || this.attempt.signal.aborted) return
    if ('from' in message) return // it is the leader's
    this.attempt.heard()
    if (message.type === 'lead') {
      // Another leader may have begun behind this tab's place, or in front of it: agree anew.
      if (this.#role === 'asking') this.#ask()
      else this.#done({ atOnce: true })
    } else if ('to' in message) {
      if (message.to !== this.#id || this.#role !== 'asking') return
      if (message.type === 'refuse') {
        this.#alone()
        return
      }
      this.#take({ type: 'entries', epoch: message.epoch ?? '', entries: message.entries })
      if (!message.rest) {
        this.#wait()
        return
      }
      this.#forget()
      this.#role = 'following'
      for (const each of message.rest) this.#take(each)
    } else if (this.#role === 'following') this.#take(message)
  }

  #take(message: Message): void {
    const { subject, attempt } = this
    if (attempt.signal.aborted || this.#role === 'alone') return
    if (message.type === 'entries') {
      if (message.epoch) subject.epoch(message.epoch)
      for (const entry of message.entries) subject.entry(entry)
      if (message.entries.length) attempt.heard(true)
      if (subject.room()) this.#alone()
    } else if (message.type === 'gap') subject.gap(message.gap)
    else if (message.type === 'complete') {
      subject.complete(message.completion)
      this.#done({ complete: true })
    } else if (message.type === 'failed') {
      const { code, message: text, status, field } = message
      this.#done({ error: new GatewayError(code, text, status, field), final: true })
    } else if (message.type === 'state') {
      const { kind } = message.state
      if (kind === 'open') attempt.opened()
      else if (kind === 'complete') this.#done({ complete: true })
      else if (kind !== 'closed') attempt.relay(message.state)
    }
  }

  /** Hold the connection for everyone until this tab's stream ends. */
  async #lead(): Promise<void> {
    this.#role = 'leading'
    this.#forget()
    const { after, tail, filter } = this.subject.start()
    const outer = this.options
    const { signal: _, after: __, tail: ___, ...options } = outer
    const shelf = new Shelf(options.bufferSize ?? 10_000, after, tail)
    const stop = AbortSignal.any([this.#left.signal, this.attempt.signal])
    const inner = new TaskLog(
      {
        ...options,
        ...(filter && { filter }),
        ...(after !== undefined && { after }),
        ...(tail !== undefined && { tail }),
        get getToken() {
          return outer.getToken
        },
        schedule: 'microtask',
        signal: stop,
      },
      this.own,
    )
    const tell = (message: Message) => {
      if (stop.aborted) return
      this.#say(message)
      this.attempt.heard()
      this.#take(message)
    }
    this.#say({ type: 'lead' })
    const pulse = setInterval(() => tell({ type: 'pulse' }), PULSE_MILLISECONDS)
    inner.on('entries', (entries) => {
      shelf.epoch = splitPosition(inner.position ?? '')[0]
      shelf.add(entries)
      for (const part of parts(entries)) tell({ type: 'entries', epoch: shelf.epoch!, entries: part })
    })
    inner.on('gap', (gap) => {
      shelf.miss(gap)
      tell({ type: 'gap', gap })
    })
    inner.on('restart', ({ epoch }) => shelf.restart(epoch))
    let end: Message | undefined
    inner.on('complete', (completion) => {
      end = { type: 'complete', completion }
      tell(end)
    })
    inner.on('error', ({ code, message, status, field }) => {
      end = { type: 'failed', code, message, status, field }
      tell(end)
    })
    let farewell: (() => void)[] = []
    await new Promise<void>((resolve) => {
      let mayLeave = false
      this.#channel.onmessage = ({ data }: MessageEvent<Message>) => {
        if (data.type === 'ask')
          this.#answer(data, shelf, [...(end ? [end] : []), { type: 'state', state: inner.state }])
        if (data.type === 'left') this.#followers.delete(data.from)
        if (mayLeave && !this.#followers.size) resolve()
      }
      inner.on('state', (state) => {
        tell({ type: 'state', state })
        if (state.kind !== 'complete' && state.kind !== 'closed') return
        // With `end`, this tab's own stream was over and has closed this one before it had noticed.
        if (state.reason === 'CLOSED' && !end) return resolve()
        // The others should have heard of the end before they get the lock, or they would ask the gateway again.
        farewell = [
          patiently(FAREWELL_MILLISECONDS.max, resolve),
          patiently(FAREWELL_MILLISECONDS.min, () => {
            mayLeave = true
            if (!this.#followers.size) resolve()
          }),
        ]
      })
    })
    for (const forget of farewell) forget()
    clearInterval(pulse)
    this.#channel.onmessage = null
  }

  #answer({ from, after, tail }: Message & { type: 'ask' }, shelf: Shelf, rest: Message[]): void {
    const wanted = shelf.behind(after, tail)
    if (!wanted) {
      this.#say({ type: 'refuse', to: from })
      return
    }
    const { epoch } = shelf
    for (const entries of parts(wanted)) this.#say({ type: 'answer', to: from, epoch, entries })
    this.#say({ type: 'answer', to: from, epoch, entries: [], rest })
    this.#followers.add(from)
  }
}

function* parts(entries: LogEntry[]): Generator<LogEntry[]> {
  for (let at = 0; at < entries.length; at += MESSAGE_ENTRIES) yield entries.slice(at, at + MESSAGE_ENTRIES)
}

/**
 * Run once, after so long; what it returns calls it off.
 *
 * A time in which this tab did not run at all (a busy machine, a sleep) counts for a third at most: what the others have
 * said meanwhile is heard before.
 */
function patiently(milliseconds: number, run: () => void): () => void {
  let left = 3
  const timer = setInterval(() => {
    if (--left) return
    clearInterval(timer)
    run()
  }, milliseconds / 3)
  return () => clearInterval(timer)
}
