import { expect, test } from 'vitest'
import { told } from '../../src/log/stages'
import { Clock, durationText, elapsedText } from '../../src/log/times'

test('elapsed times have hours only where there are any', () => {
  expect(elapsedText(62_345)).toBe('+1:02.345')
  expect(elapsedText(3_600_000)).toBe('+1:00:00.000')
  expect(elapsedText(-5)).toBe('−0:00.005')
})

test('durations are for people', () => {
  expect([340, 12_345, 242_000, 11_100_000].map(durationText)).toEqual(['340 ms', '12.3 s', '4 m 02 s', '3 h 05 m'])
})

test('a clock tells a time in its form, and nothing for what is none', () => {
  const now = Date.parse('2026-01-01T00:10:00Z')
  expect(new Clock('relative', 'en', null).text('2026-01-01T00:05:00.123456789Z', now)).toBe('4m ago')
  expect(new Clock('elapsed', 'en', now).text('2026-01-01T00:10:01.500000000Z', now)).toBe('+0:01.500')
  expect(new Clock('absolute', 'en', null).text('whenever', now)).toBe('')
})

test('a stage keeps its beginning, and has an end once it is over', () => {
  const running = told(
    [],
    { stageId: 's', status: 'STAGE_RUNNING', progressPercentage: 40, timestamp: '2026-01-01T00:00:00Z' },
    0,
  )
  const over = told(
    running,
    {
      stageId: 's',
      status: 'STAGE_COMPLETED',
      timestamp: '2026-01-01T00:05:00Z',
      completedAt: '2026-01-01T00:01:00Z',
    },
    0,
  )
  expect(over).toHaveLength(1)
  expect(over[0]).toMatchObject({ status: 'COMPLETED', percent: 100 })
  expect((over[0]?.endMilliseconds ?? 0) - (over[0]?.startMilliseconds ?? 0)).toBe(60_000)
})
