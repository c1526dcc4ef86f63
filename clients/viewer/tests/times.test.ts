import { expect, it } from 'vitest'
import { ago, clock, duration, millisecondsOf } from '../src/data/times'

it.each([
  [0, '0 ms'],
  [999.4, '999 ms'],
  [999.6, '1.00 s'],
  [9949, '9.95 s'],
  [59_949, '59.9 s'],
  [59_951, '1 min 00 s'],
  [3_599_600, '1 h 00 min'],
  [86_400_000, '1 d 0 h'],
  [-5, '0 ms'],
])('%d ms is %s', (given, text) => expect(duration(given)).toBe(text))

it('reads every form of time that the gateway writes', () => {
  const time = Date.UTC(2026, 0, 31, 13, 45, 0)
  for (const text of [
    '2026-01-31T13:45:00Z',
    '2026-01-31 13:45:00',
    '2026-01-31T13:45:00.000000000Z',
    '2026-01-31T22:45:00+09:00',
  ]) {
    expect(millisecondsOf(text)).toBe(time)
  }
  expect(millisecondsOf(time)).toBe(time)
  expect(millisecondsOf(String(time))).toBe(time)
  for (const text of [null, undefined, '', 'soon']) expect(millisecondsOf(text)).toBeNull()
})

it('says how long ago in the language of the page', () => {
  expect(ago(0, 61_000, 'en')).toMatch(/1 min/)
  expect(ago(0, 61_000, 'ko')).toMatch(/1분/)
  expect(ago(0, 0, 'en')).toBe('now')
})

it('names the day where it is another, and the year where that is another', () => {
  const at = (year: number, day: number) => new Date(year, 0, day, 9, 5, 7).getTime()
  expect(clock(at(2026, 31), at(2026, 31))).toBe('09:05:07')
  expect(clock(at(2026, 30), at(2026, 31))).toBe('01-30 09:05:07')
  expect(clock(at(2025, 31), at(2026, 31))).toBe('2025-01-31 09:05:07')
})
