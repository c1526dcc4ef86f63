import { expect, test } from 'vitest'
import { Clock, elapsedText } from '../../src/log/times'

test('elapsed times have hours only where there are any', () => {
  expect(elapsedText(62_345)).toBe('+1:02.345')
  expect(elapsedText(3_600_000)).toBe('+1:00:00.000')
  expect(elapsedText(-5)).toBe('−0:00.005')
})

test('a clock tells a time in its form, and nothing for what is none', () => {
  const now = Date.parse('2026-01-01T00:10:00Z')
  expect(new Clock('relative', 'en', null).text('2026-01-01T00:05:00.123456789Z', now)).toBe('4m ago')
  expect(new Clock('elapsed', 'en', now).text('2026-01-01T00:10:01.500000000Z', now)).toBe('+0:01.500')
  expect(new Clock('absolute', 'en', null).text('whenever', now)).toBe('')
})

test('a clock shows the time of its zone, and the day in a log of several', () => {
  const text = (zone: string, hasDays = false) =>
    new Clock('absolute', 'en', null, zone, hasDays).text('2026-03-28T23:30:00.250Z', 0)
  expect(text('UTC')).toBe('23:30:00.250')
  expect(text('Asia/Seoul', true)).toBe('03-29 08:30:00.250')
  expect(text('Asia/Kathmandu')).toBe('05:15:00.250')
})
