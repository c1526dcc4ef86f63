// The live region: what screen readers are told. Logs are fast and speech is slow, so only the latest counts.
import { signal } from '@preact/signals'

const PAUSE_MILLISECONDS = 1000

/** What the live region says now. */
export const spoken = signal('')

let waiting: string | null = null
let pause: ReturnType<typeof setTimeout> | undefined

/** Says `text`, or, less than a second after the last announcement, the latest text once that second is over. */
export function announce(text: string): void {
  if (pause !== undefined) {
    waiting = text
    return
  }
  // The same text again would be no change, and would not be said.
  spoken.value = text === spoken.value ? `${text}\u00a0` : text
  pause = setTimeout(() => {
    pause = undefined
    const next = waiting
    waiting = null
    if (next !== null && next !== spoken.value) announce(next)
  }, PAUSE_MILLISECONDS)
}
