import type { ErrorCode } from './types.ts'

/** What the gateway refused, or what went wrong on the way to it. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'

  constructor(
    readonly code: ErrorCode,
    message: string,
    /** The HTTP status, where there was an answer. */
    readonly status?: number,
    /** The parameter that is wrong, where one is. */
    readonly field?: string,
    /** The character in it that is wrong, from 1, where the gateway says so. */
    readonly position?: number,
  ) {
    super(message)
  }
}

/** How a connection ended, and what that means for the next one. */
export interface Ending {
  error?: GatewayError
  /** The task is over: there is nothing to come back for. */
  complete?: boolean
  /** Trying again cannot help. */
  final?: boolean
  /** How long the gateway wants to be left alone, in milliseconds. */
  retryAfter?: number
  /** Asked for by ourselves: come back at once. */
  atOnce?: boolean
}

const STATUSES: Record<string, number> = {
  INVALID_ARGUMENT: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
}

/** An error that the gateway described itself, over a transport without statuses. */
export function described(payload: {
  code?: string
  message?: string
  field?: string
  position?: number
}): GatewayError {
  const code = payload.code ?? 'INTERNAL'
  return new GatewayError(code, payload.message ?? code, STATUSES[code], payload.field, payload.position)
}

/** The error in an answer that is none of 2xx: the gateway's own words, or those of a proxy in front of it. */
export async function refusal(response: Response): Promise<GatewayError> {
  const { status } = response
  const body = await response.json().catch(() => null)
  const { code = `HTTP_${status}`, message = `the answer was ${status}`, field, position } = body?.error ?? {}
  return new GatewayError(code, message, status, field, position)
}

/** Whether an answer with this status would be the same the next time. */
export function isFinal(status: number | undefined): boolean {
  return status! >= 400 && status! < 500 && ![408, 425, 429].includes(status!)
}
