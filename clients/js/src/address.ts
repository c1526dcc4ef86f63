/** Where things are, and how a filter is written in an address. */
import { GatewayError } from './errors.ts'
import type { GatewayOptions, LogFilter } from './types.ts'

const NAMES = {
  levels: 'level',
  sources: 'source',
  keywords: 'keywords',
  workerIds: 'workerId',
} as const

type Query = Record<string, string | number | undefined>

/** The gateway's own address, with a slash at its end. */
export function baseUrl(url: string): URL {
  const base = new URL(url || '/', globalThis.location?.href)
  base.pathname = base.pathname.replace(/\/*$/, '/')
  return base
}

/** The address of `path`; the ids in it are encoded already. */
export function endpoint(url: string, path: string, query: Query = {}): string {
  const address = new URL(`api/v1/log-streaming/${path}`, baseUrl(url))
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) address.searchParams.set(name, `${value}`)
  }
  return address.href
}

/** A filter as query parameters. */
export function filterQuery(filter: LogFilter = {}): Query {
  const { startTime, endTime, expression } = filter
  const query: Query = { startTime, endTime, filter: expression }
  for (const [field, name] of Object.entries(NAMES) as [keyof typeof NAMES, string][]) {
    const values = filter[field]
    if (values?.some((value) => value.includes(','))) {
      // In an address the comma separates, and would make two of it without a word.
      throw new GatewayError('INVALID_ARGUMENT', `${field}: commas need socket.io`, 400, name)
    }
    if (values?.length) query[name] = values.join(',')
  }
  return query
}

/** The token to use now. */
export async function tokenOf(options: GatewayOptions): Promise<string | undefined> {
  return options.getToken ? options.getToken() : options.token
}

/** Ask for `address`. */
export function request(
  options: GatewayOptions,
  address: string,
  accept: string,
  token: string | undefined,
  signal?: AbortSignal,
): Promise<Response> {
  const headers: Record<string, string> = { ...options.headers, Accept: accept }
  if (token) headers.Authorization = `Bearer ${token}`
  // Not a method call: a browser's fetch wants to be called without an object.
  const get = options.fetch ?? fetch
  return get(address, { headers, cache: 'no-store', credentials: options.credentials, signal } as RequestInit)
}
