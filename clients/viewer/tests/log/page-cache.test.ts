import type { LogEntry } from 'otto-logs'
import { expect, test } from 'vitest'
import { PageCache } from '../../src/log/page-cache'

const lines = (from: number, count: number, message = ''): LogEntry[] =>
  Array.from({ length: count }, (_, at) => ({
    taskId: 't',
    workerId: 'w',
    sequence: from + at,
    timestamp: '',
    level: 'INFO',
    source: 'stdout',
    message,
  }))

test('what was not looked at for longest goes first', () => {
  const cache = new PageCache(25)
  cache.set(0, lines(1, 10))
  cache.set(1, lines(11, 10))
  cache.touch(0)
  cache.set(2, lines(21, 10))
  expect([cache.get(0) !== undefined, cache.get(1), cache.lines]).toEqual([true, undefined, 20])
})

test('long lines count by their characters', () => {
  const cache = new PageCache(1000, 10_000)
  cache.set(0, lines(1, 1, 'x'.repeat(9000)))
  cache.set(1, lines(2, 1, 'x'.repeat(9000)))
  expect(cache.size).toBe(1)
})

test('live lines are kept only where they continue what is known', () => {
  const cache = new PageCache()
  const [first, second, third] = lines(1, 3) as [LogEntry, LogEntry, LogEntry]
  expect(cache.append(0, 0, first)).toBe(true)
  expect(cache.append(0, 2, third)).toBe(false)
  expect(cache.append(0, 1, second)).toBe(true)
  expect(cache.append(4, 3, third)).toBe(false)
})
