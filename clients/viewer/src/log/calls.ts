/** The gateway's history, as far as the log page asks for it. */
import type { GatewayOptions } from '../shell/contract'
import { type Bucket, filterQuery, type Gap, type LevelCounts, type LogEntry, type LogFilter } from './entry'
import type { Matches } from './search-state'

export interface HistoryPage {
  epoch: string
  status: string
  firstSequence: number
  lastSequence: number
  entries: LogEntry[]
  next: string | null
  hasNext: boolean
  gaps?: Gap[]
}

export interface Counts {
  epoch: string
  firstSequence: number
  lastSequence: number
  total: number
  levels: LevelCounts
  buckets: Bucket[]
}

export class RefusedError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}

export class Calls {
  constructor(
    private readonly options: GatewayOptions,
    private readonly taskId: string,
  ) {}

  page(
    position: { after?: string; before?: string; tail?: number; limit: number },
    filter: LogFilter,
    signal?: AbortSignal,
  ): Promise<HistoryPage> {
    const query = filterQuery(filter)
    if (position.after !== undefined) query.set('after', position.after)
    if (position.before !== undefined) query.set('before', position.before)
    if (position.tail !== undefined) query.set('tail', String(position.tail))
    query.set('limit', String(position.limit))
    return this.#get('', query, signal)
  }

  counts(filter: LogFilter, buckets: number, signal?: AbortSignal): Promise<Counts> {
    const query = filterQuery(filter)
    query.set('buckets', String(buckets))
    return this.#get('/counts', query, signal)
  }

  matches(text: string, filter: LogFilter, signal?: AbortSignal): Promise<Matches & { epoch: string }> {
    const query = filterQuery(filter)
    query.set('q', text)
    query.set('limit', '100000')
    return this.#get('/matches', query, signal)
  }

  downloadUrl(filter: LogFilter): string {
    const query = filterQuery(filter)
    query.set('format', 'text')
    query.set('download', '1')
    return `${this.#base}?${query}`
  }

  streamUrl(filter: LogFilter, after: string): string {
    const query = filterQuery(filter)
    query.set('after', after)
    return `${this.#base}/stream?${query}`
  }

  get #base() {
    return `${this.options.url}/api/v1/log-streaming/logs/${encodeURIComponent(this.taskId)}`
  }

  async fetch(url: string, signal?: AbortSignal, accept = 'application/json'): Promise<Response> {
    const token = this.options.getToken ? await this.options.getToken() : this.options.token
    const headers: Record<string, string> = { Accept: accept }
    if (token) headers.Authorization = `Bearer ${token}`
    const answer = await (this.options.fetch ?? fetch)(url, { headers, signal: signal ?? null })
    if (answer.ok) return answer
    const error = await answer.json().then(
      (body) => body.error,
      () => null,
    )
    throw new RefusedError(
      answer.status,
      error?.code ?? '',
      error?.message ?? `the gateway answered with ${answer.status}`,
    )
  }

  async #get<T>(path: string, query: URLSearchParams, signal?: AbortSignal): Promise<T> {
    return (await this.fetch(`${this.#base}${path}?${query}`, signal)).json()
  }
}
