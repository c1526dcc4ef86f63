import { GatewayError } from 'otto-logs'

/** Whether the gateway has refused for good: asking again would not help. */
export function isRefusal(error: unknown): error is GatewayError {
  if (!(error instanceof GatewayError)) return false
  const { status = 0 } = error
  return status >= 400 && status < 500 && status !== 429
}
