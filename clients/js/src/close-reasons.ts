/** Why a session ends: the gateway's registry (sessions/close_reasons.py), compared with it by a test. */

/** Numbers from here on tell the client not to come back. */
export const RECONNECT_FORBIDDEN_FROM = 4500

export const CLOSE_REASONS = {
  SERVER_SHUTDOWN: 4000,
  SESSION_TIMEOUT: 4001,
  STORAGE_UNAVAILABLE: 4002,
  INTERNAL: 4003,
  CLIENT_GONE: 4004,
  TOKEN_EXPIRED: 4005,
  SERVER_FULL: 4006,
  COMPLETED: 4500,
  UNSUBSCRIBED: 4501,
  TASK_DELETED: 4502,
} as const

export type CloseCode = keyof typeof CLOSE_REASONS

/** Those from there on; a page that does not ask for the numbers need not load them. */
const FORBIDDEN = ['COMPLETED', 'UNSUBSCRIBED', 'TASK_DELETED']

/** Whether a client that was told this code should come back by itself; it does for codes that it does not know. */
export function mayReconnect(code: string): boolean {
  return !FORBIDDEN.includes(code)
}
