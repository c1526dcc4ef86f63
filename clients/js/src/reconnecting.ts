/// <reference lib="esnext.disposable" preserve="true" />
/** The life of a stream: one connection after another until it is over, refused or closed. */
import { tokenOf } from './address.ts'
import { pause } from './backoff.ts'
import { mayReconnect } from './close-reasons.ts'
import { type Ending, GatewayError, isFinal } from './errors.ts'
import type { ConnectionOptions, ErrorCode, FinalState, OnOptions, StreamEvents, StreamState } from './types.ts'

const BACKOFF_MIN = 1000
const BACKOFF_MAX = 30_000
/** Two heartbeats and a half. */
const SILENCE = 75_000
/** A tab that is looked at again does not wait that long: one heartbeat and some. */
const SILENCE_IN_SIGHT = 35_000
/** A connection that stood this long without a line was no failure. */
const PROVEN = 10_000

/** One connection, as its transport sees it. */
export interface Attempt {
  /** Aborted when nothing more is wanted of this connection. */
  readonly signal: AbortSignal
  readonly token: string | undefined
  /** The gateway has accepted. */
  opened(): void
  /** What a connection that is made elsewhere is at. */
  relay(state: StreamState): void
  /** Something came; `useful`, something that was asked for. */
  heard(useful?: boolean): void
  /** How long the gateway wants to be left alone after this connection. */
  asked(milliseconds: number): void
}

const LOST: Ending = { error: new GatewayError('CONNECTION_LOST', 'connection lost') }

export abstract class Reconnecting<E extends StreamEvents> {
  #listeners = new Map<keyof E, Set<(value: never) => void>>()
  #state: StreamState = { kind: 'connecting', attempt: 0 }
  #current?: AbortController
  #wake?: () => void
  #heardAt!: number // since the first attempt began
  #checkedAt = Date.now()
  #failures = 0
  #refused = 0
  #timer?: ReturnType<typeof setInterval>
  #options: ConnectionOptions
  #over = new AbortController()
  readonly closed = new Promise<FinalState>((resolve) => {
    this.on('state', (state) => this.isOver && resolve(state as FinalState))
  })

  constructor(options: ConnectionOptions) {
    this.#options = options
    const { signal } = this.#over
    options.signal?.addEventListener('abort', this.close, { signal })
    const listen = globalThis.addEventListener
    // The first one bubbles from the document.
    for (const type of ['visibilitychange', 'pageshow']) listen?.(type, this.#seen, { signal })
    // Another network: the old connection may be dead without a word, and resuming costs little.
    listen?.('online', () => this.interrupt(), { signal })
    const silence = options.silence ?? SILENCE
    this.#timer = setInterval(() => this.#check(silence), Math.min(silence / 4, 5000))
    // In Node it must not keep the process alive by itself; the connection does.
    ;(this.#timer as { unref?: () => void }).unref?.()
    // Not at once: a caller must be able to listen first.
    queueMicrotask(() => (options.signal?.aborted ? this.close() : void this.#live()))
  }

  /** Serve one connection until it ends. What it throws counts as a lost connection. */
  protected abstract connect(attempt: Attempt): Promise<Ending>
  /** The gateway has accepted. */
  protected opened(): void {}
  /** Whether this refusal was dealt with, so that another attempt makes sense. */
  protected forgive(_error: GatewayError): boolean {
    return false
  }
  /** Whether the reader is behind, so that silence says nothing. */
  protected get isFull(): boolean {
    return false
  }
  /** Nothing more will come; listeners are told afterwards. */
  protected ended(_isComplete: boolean, _error?: GatewayError): void {}

  get state(): StreamState {
    return this.#state
  }

  on<K extends keyof E>(type: K, listener: (value: E[K]) => void, options?: OnOptions): () => void {
    const listeners = this.#listeners.get(type) ?? new Set()
    this.#listeners.set(type, listeners)
    const off = () => void listeners.delete(listener)
    if (!options?.signal?.aborted) listeners.add(listener)
    options?.signal?.addEventListener('abort', off)
    return off
  }

  readonly close = (): void => this.#finish('closed', 'CLOSED')

  reconnect(): void {
    this.interrupt()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  protected emit<K extends keyof E>(type: K, value: E[K]): void {
    for (const listener of [...(this.#listeners.get(type) ?? [])] as ((value: E[K]) => void)[]) {
      try {
        listener(value)
      } catch (error) {
        // A listener's trouble is the page's to hear of; the stream and the other listeners go on.
        const report = globalThis.reportError ?? console.error
        report(error)
      }
    }
  }

  protected get isOver(): boolean {
    return this.#state.kind === 'complete' || this.#state.kind === 'closed'
  }

  /** End the present connection; the next one starts at once, or after a pause where an error is given. */
  protected interrupt(ending: Ending = { atOnce: true }): void {
    this.#current?.abort(ending)
    if (ending.atOnce) this.#wake?.()
  }

  async #live(): Promise<void> {
    while (!this.isOver) {
      this.#set({ kind: 'connecting', attempt: this.#failures })
      const since = performance.now()
      const { ending, asked } = await this.#attempt()
      if (this.isOver) return
      if (ending.complete) return this.#finish('complete')
      if (ending.atOnce) continue
      const error = ending.error ?? LOST.error!
      if (this.#isFinal(ending, error)) {
        if (this.forgive(error)) continue
        return this.#finish('closed', error.code, error)
      }
      if (performance.now() - since > PROVEN) this.#failures = 0
      const renew = error.code === 'TOKEN_EXPIRED' && this.#options.getToken && !this.#failures
      this.#failures++
      if (!renew) await this.#wait(error.code, Math.max(asked, ending.retryAfter ?? 0))
    }
  }

  #isFinal(ending: Ending, error: GatewayError): boolean {
    // A token that getToken has just given may have been revoked meanwhile: once is no verdict.
    if (error.status === 401) return !this.#options.getToken || ++this.#refused > 1
    return !!ending.final || isFinal(error.status) || !mayReconnect(error.code)
  }

  async #attempt(): Promise<{ ending: Ending; asked: number }> {
    const controller = new AbortController()
    const { signal } = controller
    this.#current = controller
    this.#heardAt = performance.now()
    let asked = 0
    const serve = async (): Promise<Ending> => {
      let token: string | undefined
      try {
        token = await tokenOf(this.#options)
      } catch (error) {
        return { error: new GatewayError('TOKEN_UNAVAILABLE', `${error}`) }
      }
      if (signal.aborted) return LOST
      return this.connect({
        signal,
        token,
        opened: () => {
          if (signal.aborted) return
          this.#heardAt = performance.now()
          this.#set({ kind: 'open', attempt: this.#failures })
          // A listener may have asked for something else already.
          if (!signal.aborted) this.opened()
        },
        relay: (state) => {
          if (!signal.aborted) this.#set(state)
        },
        heard: (useful) => {
          this.#heardAt = performance.now()
          if (useful) this.#failures = this.#refused = 0
        },
        asked: (milliseconds) => {
          asked = milliseconds
        },
      })
    }
    const ending = await Promise.race([
      serve().catch((error) => (error instanceof GatewayError ? { error } : LOST)),
      // A transport, or a getToken, that does not listen must not hold up the next attempt.
      new Promise<Ending>((resolve) => signal.addEventListener('abort', () => resolve(signal.reason))),
    ])
    controller.abort(ending)
    return { ending, asked }
  }

  async #wait(reason: string, asked: number): Promise<void> {
    const { min = BACKOFF_MIN, max = BACKOFF_MAX } = this.#options.backoff ?? {}
    const milliseconds = pause(this.#failures, min, max, asked, Math.random())
    this.#set({ kind: 'waiting', attempt: this.#failures, retryAt: Date.now() + milliseconds, reason })
    // A listener may have closed it.
    if (this.isOver) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = () => {}
  }

  #check(silence: number): void {
    const now = Date.now()
    const late = now - this.#checkedAt
    this.#checkedAt = now
    // Who has slept wakes without a word of what became of the connection. The wall clock alone tells of it.
    if (late > SILENCE_IN_SIGHT) {
      this.#heardAt -= late
      this.#seen()
    } else if (this.#state.kind !== 'waiting') {
      this.#endIfSilent(silence, { error: new GatewayError('SILENT', 'silent') })
    } else if (now > this.#state.retryAt) this.#wake?.()
  }

  #seen = (): void => {
    if (globalThis.document?.hidden) return
    if (this.#state.kind === 'waiting') this.#wake?.()
    else this.#endIfSilent(SILENCE_IN_SIGHT)
  }

  #endIfSilent(silence: number, ending?: Ending): void {
    if (!this.isFull && performance.now() - this.#heardAt > silence) this.interrupt(ending)
  }

  #set(state: StreamState): void {
    if (this.isOver) return
    this.#state = state
    this.emit('state', state as E['state'])
  }

  #finish(kind: FinalState['kind'], reason?: ErrorCode, error?: GatewayError): void {
    if (this.isOver) return
    clearInterval(this.#timer)
    this.#over.abort()
    this.ended(kind === 'complete', error)
    this.#set({ kind, attempt: this.#failures, ...(reason && { reason }) } as FinalState)
    this.interrupt()
    if (error) this.emit('error', error as E['error'])
  }
}
