import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pause, retryAfter } from '../src/backoff.ts'

test('pauses double up to the longest, and at least half of one is waited', () => {
  expect([1, 2, 3, 4, 9].map((failures) => pause(failures, 100, 1000, 0, 1))).toEqual([100, 200, 400, 800, 1000])
  expect(pause(3, 100, 1000, 0, 0)).toBe(200)
})

test('a pause is what was asked for or more, and always what a timer can count', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1 }),
      fc.double({ min: 0, noNaN: true }),
      fc.float({ min: 0, max: 1, noNaN: true }),
      (n, asked, random) => {
        const milliseconds = pause(n, 1000, 30_000, asked, random)
        expect(milliseconds).toBeGreaterThanOrEqual(Math.min(asked, 600_000))
        expect(milliseconds).toBeLessThanOrEqual(660_000)
      },
    ),
  )
})

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  expect(retryAfter('3', now)).toBe(3000)
  expect(retryAfter('Thu, 01 Jan 2026 00:00:05 GMT', now)).toBe(5000)
  for (const none of [null, '', '-1', 'soon', 'Thu, 01 Jan 2025 00:00:05 GMT']) expect(retryAfter(none, now)).toBe(0)
})
