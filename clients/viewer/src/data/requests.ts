// Requests to the gateway: one form of error, and a token asked for where one is wanted.
import { GatewayError } from 'otto-logs'
import { authorization, gateway, signIn } from '../shell/session'

/** A refusal as the gateway words it; status 0: it did not answer at all. */
export class RequestError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field?: string,
  ) {
    super(message)
  }
}

export interface ReadOptions {
  signal?: AbortSignal
  /** Where the page does without: no token is asked for. */
  isOptional?: boolean
  accept?: string
}

/** A GET; the answer, which is a success. */
export async function open(path: string, options: ReadOptions = {}): Promise<Response> {
  for (;;) {
    const answer = await reached(path, {
      signal: options.signal,
      headers: { Accept: options.accept ?? 'application/json' },
    })
    if (answer.ok) return answer
    const error = await refusal(answer)
    if (options.isOptional || !(await mayTryAgain(error))) throw error
  }
}

/** A GET; the JSON of the answer. */
export async function read<T>(path: string, options: ReadOptions = {}): Promise<T> {
  return (await open(path, options)).json() as Promise<T>
}

/** A request that changes something; it has the token in its header, as the gateway wants it. */
export async function change<T>(method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<T> {
  for (;;) {
    const headers: Record<string, string> = authorization()
    if (body !== undefined) headers['Content-Type'] = 'application/json'
    const answer = await reached(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) })
    if (answer.ok) return answer.json() as Promise<T>
    const error = await refusal(answer)
    if (!(await mayTryAgain(error))) throw error
  }
}

/** Do something with the SDK, again once there is a token where one is wanted; what it fails with is a RequestError. */
export async function signedIn<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      const told = requestError(error)
      if (!(await mayTryAgain(told))) throw told
    }
  }
}

function requestError(error: unknown): RequestError {
  if (!(error instanceof GatewayError)) return new RequestError(0, 'BROKEN', String(error))
  const { code, status = 500, message, field } = error
  if (code === 'CONNECTION_LOST') return new RequestError(0, 'UNREACHABLE', '')
  return new RequestError(status, code, message, field)
}

async function reached(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(gateway.url + path, init)
  } catch (error) {
    if (init.signal?.aborted) throw error
    throw new RequestError(0, 'UNREACHABLE', '')
  }
}

async function refusal(answer: Response): Promise<RequestError> {
  try {
    const { error } = await answer.json()
    return new RequestError(answer.status, String(error.code), String(error.message), error.field)
  } catch {
    // A proxy's page, or an old gateway's.
    return new RequestError(answer.status, `HTTP_${answer.status}`, `${answer.status} ${answer.statusText}`)
  }
}

async function mayTryAgain(error: RequestError): Promise<boolean> {
  return error.status === 401 && (await signIn(error.message))
}
