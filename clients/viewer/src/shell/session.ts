// Who the reader is: a cookie that scripts cannot see for what is read, and the token itself, in this tab's memory
// alone, for what changes something; the gateway takes the cookie for reading only.
import { signal } from '@preact/signals'
import type { GatewayOptions } from 'otto-logs'

/** Why the token prompt is open; null while it is not. */
export const prompt = signal<string | null>(null)

let token = ''
let waiting: ((signedIn: boolean) => void)[] = []

/** Opens the prompt and waits for its end; several who ask at once share one. */
export function signIn(reason: string): Promise<boolean> {
  prompt.value ??= reason
  return new Promise((resolve) => {
    waiting.push(resolve)
  })
}

/** Tries a token; the text of the refusal, or null where the gateway took it. */
export async function enter(given: string): Promise<string | null> {
  const answer = await fetch('/api/v1/auth/session', { method: 'POST', headers: { Authorization: `Bearer ${given}` } })
  if (!answer.ok) return (await answer.json()).error.message
  token = given
  end(true)
  return null
}

/** Closes the prompt. */
export function end(signedIn: boolean): void {
  prompt.value = null
  const told = waiting
  waiting = []
  for (const tell of told) tell(signedIn)
}

/** The header for requests that change something. */
export function authorization(): Record<string, string> {
  return token ? { Authorization: `Bearer ${token}` } : {}
}

export const gateway: GatewayOptions = { url: '' }
