/** When to come back. No clock and no chance of its own. */

/** Longest wait that a server may ask for; also keeps timers below what they can count. */
const ASKED_MAX = 600_000

/**
 * The pause before an attempt, in milliseconds.
 *
 * @param failures attempts in a row that failed, from 1
 * @param min the first pause
 * @param max the longest
 * @param asked what the server asked for with this failure, or 0; kept to, with up to a tenth more
 * @param random from 0 to 1
 */
export function pause(failures: number, min: number, max: number, asked: number, random: number): number {
  const most = Math.min(max, min * 2 ** Math.min(failures - 1, 30))
  return Math.max(most * (0.5 + random / 2), Math.min(asked, ASKED_MAX) * (1 + random / 10))
}

/** The milliseconds of a `Retry-After` header, a number of seconds or a date; 0 where there is none. */
export function retryAfter(header: string | null, now: number): number {
  if (!header) return 0
  return Math.max(Number(header) * 1000 || Date.parse(header) - now || 0, 0)
}
