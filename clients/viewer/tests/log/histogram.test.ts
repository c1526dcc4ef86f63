import type { LogEntry } from 'otto-logs'
import type { Bucket } from 'otto-logs/history'
import { expect, test } from 'vitest'
import { LineCounts, timeBars, timesOf, timeTicks } from '../../src/log/histogram'

const at = (seconds: number) => new Date(1_700_000_000_000 + seconds * 1000).toISOString()
const bucket = (from: number, to: number, start: number, end: number, errors = 0): Bucket => ({
  from,
  to,
  startTime: at(start),
  endTime: at(end),
  total: to - from + 1,
  levels: { INFO: to - from + 1 - errors, ...(errors ? { ERROR: errors } : {}) },
})
const line = (sequence: number, seconds: number): LogEntry => ({
  taskId: 't',
  workerId: 'w',
  sequence,
  timestamp: at(seconds),
  level: 'INFO',
  source: 'stdout',
  message: '',
})

test('lines are spread over their own time and none gets lost', () => {
  const bars = timeBars([bucket(1, 100, 0, 10), bucket(101, 200, 90, 100, 7)], 10)
  expect(bars).toHaveLength(10)
  expect(bars.reduce((sum, { total }) => sum + total, 0)).toBeCloseTo(200)
  expect(bars[0]?.total).toBeCloseTo(100)
  expect(bars[9]?.levels.ERROR).toBeCloseTo(7)
})

test('every bar leads to a line, empty ones to the next', () => {
  const bars = timeBars([bucket(1, 100, 0, 10), bucket(101, 200, 90, 100)], 10)
  expect(bars.map(({ sequence }) => sequence)).toEqual([1, 100, 101, 101, 101, 101, 101, 101, 101, 101])
})

test('live lines come on top once, and buckets stay bounded', () => {
  const counts = new LineCounts([bucket(1, 100, 0, 10)], { INFO: 100 }, 100, 100)
  counts.add(line(100, 10))
  const live = line(101, 11)
  for (let sequence = 101; sequence <= 1_200_000; sequence += 1) counts.add(Object.assign(live, { sequence }))
  const { total, levels, buckets } = counts.snapshot()
  expect([total, levels.INFO]).toEqual([1_200_000, 1_200_000])
  expect(buckets.length).toBeLessThanOrEqual(2001)
  expect(buckets.reduce((sum, { total }) => sum + total, 0)).toBe(1_200_000)
})

test('bars that were dragged over are a time, whichever was first', () => {
  const bars = timeBars([bucket(1, 100, 0, 10)], 10)
  expect(timesOf(bars, 4, 2)).toEqual({ startTime: at(2), endTime: at(5) })
  expect(timesOf(bars, 0, 99)).toBeNull()
})

test('without lines there are no bars', () => expect(timeBars([], 10)).toEqual([]))

test('an axis has round times of the zone, and days where steps are days', () => {
  const start = Date.parse('2026-01-01T10:00:07Z')
  const texts = (seconds: number, zone = 'UTC') =>
    timeTicks(start, start + seconds * 1000, 7, zone).map(({ text }) => text)
  expect(texts(60)).toEqual(['10:00:10', '10:00:20', '10:00:30', '10:00:40', '10:00:50', '10:01:00'])
  expect(texts(3600, 'Asia/Kathmandu')).toEqual(['15:50', '16:00', '16:10', '16:20', '16:30', '16:40'])
  expect(texts(86_400 * 5)).toEqual(['01-02', '01-03', '01-04', '01-05', '01-06'])
  expect(timeTicks(5, 5, 7)).toEqual([])
})

test('one error is in one bar, and several are in as many at most', () => {
  const bars = timeBars([bucket(1, 1000, 0, 100, 1), bucket(1001, 2000, 100, 200, 3)], 40)
  const errors = bars.map(({ levels }) => levels.ERROR ?? 0).filter((lines) => lines > 0)
  expect(errors).toEqual([1, 1, 1, 1])
  expect(bars.reduce((sum, { levels }) => sum + (levels.INFO ?? 0), 0)).toBe(1996)
})
