import type { LogEntry } from 'otto-logs'
import { expect, test } from 'vitest'
import { eventEnd, eventLine, eventOf } from '../../src/log/events'

const line = (sequence: number, eventLine?: number, more: Partial<LogEntry> = {}): LogEntry => ({
  ...{ taskId: 't', workerId: 'w', source: 'stderr', timestamp: '', level: 'ERROR', message: 'x', sequence },
  ...(eventLine ? { metadata: { eventLine } } : {}),
  ...more,
})
const end = (lines: LogEntry[], at = 0) => eventEnd(at, (index) => lines[index])

test('an event is its head and the lines that continue it, blank ones in between too', () => {
  const lines = [line(1), line(2, 2), line(3, undefined, { message: '' }), line(4, 4), line(5), line(6)]
  expect(end(lines)).toBe(4)
  expect(end(lines, 4)).toBeNull()
  expect(end([line(1), line(2, 2), line(3, undefined, { message: ' ' }), line(4)])).toBe(2)
  expect(end([line(1), line(2, undefined, { message: '' }), line(3, 3)])).toBe(3)
})

test('what folds is one run of rows: a line of another output ends it', () => {
  expect(end([line(1), line(2, 2), line(3, undefined, { workerId: 'v' }), line(4, 3)])).toBe(2)
  expect(end([line(1), line(2, 2, { workerId: 'v' })])).toBeNull()
})

test('a blank line within an event is of it, and one behind it is not', () => {
  const blank = line(2, undefined, { message: '' })
  expect(eventOf(1, (index) => [line(1), blank, line(3, 3)][index])?.sequence).toBe(3)
  expect(eventOf(1, (index) => [line(1, 2), blank, line(3)][index])).toBeNull()
})

test('a line without a number is the first of its own event', () => {
  expect([
    eventLine(line(1)),
    eventLine(line(1, 7)),
    eventLine(line(1, undefined, { metadata: { eventLine: 'x' } })),
  ]).toEqual([1, 7, 1])
})
