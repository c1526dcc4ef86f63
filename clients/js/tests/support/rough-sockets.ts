/** Socket.IO to a gateway that keeps to its contract, and drops, delays and lies as it is told to; no network. */
import type { SocketIo } from '../../src/index.ts'
import { EPOCH, type Line } from './rough-gateway.ts'

// biome-ignore lint/suspicious/noExplicitAny: events of any kind
type Listener = (payload: any) => void

/** How one connection goes. */
export interface Plan {
  /** What the connection is refused with; `{}` is a gateway that cannot be reached. */
  refused?: { code?: string; message?: string }
  /** The answer to a subscription in place of the right one; `never` is none. */
  answer?: 'never' | { code: string; message?: string }
  /** Milliseconds until the answer. */
  delay?: number
  /** Lines in a message. */
  batch?: number
  /** Lines in front of `after` that come again. */
  repeated?: number
  /** Events of anyone's after the answer, in front of the lines. */
  lies?: [name: string, payload: unknown][]
  /** Lines after which the connection is cut, with a word before where one is given. */
  lines?: number
  notice?: { code: string; message?: string; retryMilliseconds?: number }
}

interface Subscription {
  filter: { levels?: string[] }
  position: number
}

export class RoughSockets {
  epoch = EPOCH
  lines: Line[] = []
  ended = false
  stages: { stageId: string; progressPercentage: number }[] = []
  /** For the next connections; afterwards they go well. */
  plans: Plan[] = []
  /** The tokens of all connections, and what was subscribed to. */
  tokens: (string | undefined)[] = []
  asked: { name: string; after?: string; tail?: number }[] = []
  /** What was unsubscribed from. */
  left: string[] = []
  readonly open = new Set<RoughSocket>()
  readonly io: SocketIo = (_url, { auth }) => {
    this.tokens.push(auth.token)
    return new RoughSocket(this, this.plans.shift() ?? {})
  }

  write(...more: Line[]): void {
    this.lines.push(...more)
    for (const socket of this.open) socket.more()
  }

  end(): void {
    this.ended = true
    for (const socket of this.open) socket.more()
  }

  cut(): void {
    for (const socket of this.open) socket.cut()
  }

  send(name: string, payload: unknown): void {
    for (const socket of this.open) socket.send(name, payload)
  }
}

class RoughSocket {
  connected = false
  #gateway: RoughSockets
  #plan: Plan
  #left: number
  #listeners = new Map<string, Listener[]>()
  #tasks = new Map<string, Subscription>()
  #isOver = false
  readonly io = { on: (name: string, listener: Listener) => this.on(`io ${name}`, listener) }

  constructor(gateway: RoughSockets, plan: Plan) {
    this.#gateway = gateway
    this.#plan = plan
    this.#left = plan.lines ?? Number.POSITIVE_INFINITY
    setImmediate(() => {
      if (this.#isOver) return
      if (plan.refused) {
        const data = plan.refused.code ? plan.refused : undefined
        this.#fire('connect_error', Object.assign(new Error('refused'), { data }))
        return
      }
      this.connected = true
      gateway.open.add(this)
      this.#fire('connect', undefined)
    })
  }

  on(name: string, listener: Listener): void {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener])
  }

  // biome-ignore lint/suspicious/noExplicitAny: as the library has it
  emit(name: string, payload: any, answered?: Listener): void {
    if (name === 'subscribe-to-logs') this.#subscribe(payload, answered!)
    else if (name === 'unsubscribe-from-logs' || name === 'unsubscribe-from-pipeline') {
      const { taskId, pipelineId } = payload
      this.#gateway.left.push(taskId ?? pipelineId)
      this.#tasks.delete(taskId)
    } else if (name === 'update-log-filter') {
      const isWrong = payload.filter.levels?.includes('LOUD')
      if (!isWrong) this.#tasks.get(payload.taskId)!.filter = payload.filter
      this.#later(() => answered!(isWrong ? { code: 'INVALID_ARGUMENT', message: 'levels' } : {}))
    } else if (name === 'subscribe-to-pipeline') {
      this.#later(() => answered!({ epoch: this.#gateway.epoch }))
      for (const stage of this.#gateway.stages) this.send('pipeline-progress', { ...payload, ...stage })
    }
  }

  disconnect(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.connected = false
    this.#gateway.open.delete(this)
    this.#fire('disconnect', 'io client disconnect')
  }

  cut(): void {
    this.#later(() => this.disconnect())
  }

  /** Messages come in the order in which they were sent, as JSON. */
  send(name: string, payload: unknown): void {
    const text = JSON.stringify(payload)
    this.#later(() => this.#fire(name, JSON.parse(text)))
  }

  more(): void {
    for (const [taskId, subscription] of this.#tasks) this.#serve(taskId, subscription)
  }

  // biome-ignore lint/suspicious/noExplicitAny: what a client says
  #subscribe({ taskId, after, tail, filter }: any, answered: Listener): void {
    const { plan, gateway } = { plan: this.#plan, gateway: this.#gateway }
    gateway.asked.push({ name: taskId, ...(after !== undefined && { after }), ...(tail !== undefined && { tail }) })
    if (plan.answer === 'never') return
    const [, epoch, digits] = /^(?:(\w{8})-)?(\d+)/.exec(after ?? '') ?? []
    let position = epoch && epoch !== gateway.epoch ? 0 : Number(digits ?? 0)
    if (tail !== undefined) position = Math.max(position, gateway.lines.length - tail)
    const subscription = { filter, position: position - (plan.repeated ?? 0) }
    const answer = () => {
      if (this.#isOver) return
      answered(plan.answer ?? { epoch: gateway.epoch })
      if (plan.answer) return
      this.#tasks.set(taskId, subscription)
      for (const lie of plan.lies ?? []) this.send(...lie)
      this.#serve(taskId, subscription)
    }
    if (plan.delay) setTimeout(answer, plan.delay)
    else this.#later(answer)
  }

  #serve(taskId: string, subscription: Subscription): void {
    const { lines, ended } = this.#gateway
    const { levels } = subscription.filter
    const wanted = lines.filter((line) => line.sequence > subscription.position)
    const due = wanted.filter((line) => !levels || levels.includes(line.level)).slice(0, this.#left)
    subscription.position = Math.max(subscription.position, lines.at(-1)?.sequence ?? 0)
    const batch = this.#plan.batch ?? 100
    for (let at = 0; at < due.length; at += batch) {
      const entries = due.slice(at, at + batch)
      this.send(
        'log-entries',
        entries.map((line) => ({
          taskId,
          workerId: 'w',
          timestamp: '2026-01-01T00:00:00Z',
          source: 'stdout',
          ...line,
        })),
      )
    }
    this.#left -= due.length
    if (this.#left <= 0) {
      if (this.#plan.notice) this.send('closing', this.#plan.notice)
      this.cut()
    } else if (ended) {
      this.send('log-complete', { taskId, status: 'COMPLETED', lastSequence: subscription.position, timestamp: '' })
      this.#tasks.delete(taskId)
    }
  }

  #later(run: () => void): void {
    setImmediate(() => !this.#isOver && run())
  }

  #fire(name: string, payload: unknown): void {
    for (const listener of this.#listeners.get(name) ?? []) listener(payload)
  }

  ping(): void {
    this.#fire('io ping', undefined)
  }
}
