/** A gateway over real HTTP that keeps to the contract of the stream, and breaks its connections as it is told to. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export const EPOCH = '0000aaaa'

export interface Line {
  sequence: number
  level: string
  message: string
  timestamp?: string
}

/** How one connection goes: after so many bytes of the body it is cut, or ended; the bytes come in pieces of `piece`. */
export interface Cut {
  bytes?: number
  how?: 'destroy' | 'end'
  piece?: number
  /** Lines in front of `after` that come again. */
  repeated?: number
  /** Instead of the stream. */
  status?: number
  headers?: Record<string, string>
  body?: string
  /** Milliseconds until there is any answer. */
  delay?: number
  /** In place of the gateway's own `retry:`. */
  retry?: number
}

export function lines(count: number, from = 1, word = 'line'): Line[] {
  return Array.from({ length: count }, (_, index) => {
    const sequence = from + index
    return { sequence, level: sequence % 3 ? 'INFO' : 'ERROR', message: `${word} ${sequence} … 한국어 😀\r\u2028"` }
  })
}

export class RoughGateway {
  epoch = EPOCH
  lines: Line[] = []
  ended = false
  /** What to do with the next connections; afterwards they are served well. */
  cuts: Cut[] = []
  requests: { url: URL; headers: IncomingMessage['headers'] }[] = []
  open = new Set<ServerResponse>()
  url = ''
  #server!: Server
  #live = new Set<() => void>()

  static async start(): Promise<RoughGateway> {
    const gateway = new RoughGateway()
    gateway.#server = createServer((request, response) => void gateway.#serve(request, response))
    await new Promise<void>((resolve) => gateway.#server.listen(0, '127.0.0.1', resolve))
    gateway.url = `http://127.0.0.1:${(gateway.#server.address() as AddressInfo).port}`
    return gateway
  }

  async stop(): Promise<void> {
    for (const response of this.open) response.destroy()
    await new Promise((resolve) => {
      this.#server.close(resolve)
      this.#server.closeAllConnections()
    })
  }

  /** Add lines, and send them to whoever listens. */
  write(...more: Line[]): void {
    this.lines.push(...more)
    for (const wake of this.#live) wake()
  }

  /** The task ends. */
  end(): void {
    this.ended = true
    for (const wake of this.#live) wake()
  }

  /** Send raw text to every open connection. */
  send(text: string): void {
    for (const response of this.open) response.write(text)
  }

  /** Cut every open connection. */
  cut(): void {
    for (const response of this.open) response.destroy()
  }

  event(line: Line): string {
    const data = { taskId: 't', workerId: 'w', timestamp: '2026-01-01T00:00:00Z', source: 'stdout', ...line }
    return `id: ${this.epoch}-${line.sequence}\ndata: ${JSON.stringify(data)}\n\n`
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, this.url)
    this.requests.push({ url, headers: request.headers })
    const cut = this.cuts.shift() ?? {}
    if (cut.delay) await new Promise((resolve) => setTimeout(resolve, cut.delay))
    if (cut.status !== undefined) {
      response.writeHead(cut.status, { 'Content-Type': 'application/json', ...cut.headers }).end(cut.body ?? '')
      return
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream', ...cut.headers })
    response.flushHeaders()
    this.open.add(response)
    response.on('close', () => this.open.delete(response))
    const [, epoch, digits] = /^(?:(\w{8})-)?(\d+)/.exec(url.searchParams.get('after') ?? '') ?? []
    let position = epoch && epoch !== this.epoch ? 0 : Number(digits ?? 0)
    const tail = url.searchParams.get('tail')
    if (tail !== null) position = Math.max(position, this.lines.length - Number(tail))
    position -= cut.repeated ?? 0
    const levels = url.searchParams.get('level')?.split(',')
    let text = `retry: ${cut.retry ?? 1}\n\n`
    let left = cut.bytes ?? Number.POSITIVE_INFINITY
    for (;;) {
      for (const line of this.lines) {
        if (line.sequence > position && (!levels || levels.includes(line.level))) text += this.event(line)
      }
      position = Math.max(position, this.lines.at(-1)?.sequence ?? 0)
      if (this.ended) {
        const data = { status: 'COMPLETED', timestamp: '2026-01-01T00:00:00Z', lastSequence: position }
        text += `id: ${this.epoch}-${position}.end\nevent: complete\ndata: ${JSON.stringify(data)}\n\n`
      }
      let bytes = Buffer.from(text)
      text = ''
      // Some hundred pieces show what a thousand would.
      const size = Math.max(cut.piece ?? bytes.length, Math.min(left, bytes.length) >> 7)
      while (bytes.length && left > 0) {
        const piece = bytes.subarray(0, Math.min(size, left))
        bytes = bytes.subarray(piece.length)
        left -= piece.length
        await new Promise((resolve) => response.write(piece, resolve))
        if (cut.piece) await new Promise(setImmediate)
      }
      if (left <= 0) {
        if (cut.how === 'end') response.end()
        else response.destroy()
        return
      }
      if (this.ended || response.destroyed) {
        response.end()
        return
      }
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#live.delete(wake)
          response.off('close', wake)
          resolve()
        }
        this.#live.add(wake)
        response.on('close', wake)
      })
    }
  }
}
