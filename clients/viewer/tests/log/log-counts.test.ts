import { expect, it, vi } from 'vitest'
import { LogCounts } from '../../src/log/log-counts'

const life = new AbortController().signal
const line = (sequence: number, level: string) => ({ sequence, level, timestamp: '2026-01-31T00:00:00Z' }) as never
const counted = (levels: object, lastSequence = 2) =>
  Promise.resolve({ levels, buckets: [], total: 2, firstSequence: 1, lastSequence, epoch: 'e' } as never)

it('counts lines that came while the gateway counted, each once', async () => {
  const counts = new LogCounts()
  counts.begin()
  counts.add(line(2, 'INFO'))
  counts.add(line(3, 'ERROR'))
  await counts.take(counted({ INFO: 2 }), life)
  expect(counts.counts.value).toMatchObject({ allLevels: { INFO: 2, ERROR: 1 }, total: 3 })
  counts.close()
})

it('begins at nothing where the gateway cannot count', async () => {
  const counts = new LogCounts()
  counts.begin()
  counts.add(line(1, 'INFO'))
  await counts.take(Promise.reject(new Error('busy')), life)
  expect(counts.counts.value.allLevels).toEqual({ INFO: 1 })
})

it('takes no answer to a question that is no longer asked', async () => {
  const counts = new LogCounts()
  await counts.takeOtherLevels(counted({ WARN: 3 }), AbortSignal.abort())
  expect(counts.counts.value.allLevels).toEqual({})
})

it('shows numbers that stay as they were, and others some time after lines have come', async () => {
  vi.useFakeTimers()
  const counts = new LogCounts()
  counts.begin()
  await counts.take(counted({ INFO: 2 }), life)
  counts.add(line(3, 'ERROR'))
  counts.changed()
  vi.runAllTimers()
  const before = counts.counts.value
  counts.add(line(4, 'ERROR'))
  counts.changed()
  expect(counts.counts.value).toBe(before)
  vi.runAllTimers()
  expect([before, counts.counts.value].map(({ total, buckets }) => [total, buckets[0]?.total])).toEqual([
    [3, 1],
    [4, 2],
  ])
  vi.useRealTimers()
})
