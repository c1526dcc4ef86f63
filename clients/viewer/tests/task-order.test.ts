import { expect, test } from 'vitest'
import { grouped, labelNames, nextOrder, orderOf, prefixOf, since, sorted } from '../src/data/task-order'
import type { Task } from '../src/data/tasks'

const task = (taskId: string, more: Partial<Task> = {}) =>
  ({ taskId, status: 'COMPLETED', lines: 1, levels: {}, firstTimestamp: null, lastTimestamp: null, ...more }) as Task
const ids = (tasks: readonly Task[]) => tasks.map(({ taskId }) => taskId)

test('a column is sorted by its values, numbers in names too, and not at all where nothing is asked', () => {
  const tasks = [task('b-10', { lines: 5 }), task('b-9', { lines: 50 }), task('a', { levels: { ERROR: 2 } })]
  expect(ids(sorted(tasks, orderOf('task')))).toEqual(['a', 'b-9', 'b-10'])
  expect(ids(sorted(tasks, orderOf('-lines')))).toEqual(['b-9', 'b-10', 'a'])
  expect(ids(sorted(tasks, orderOf('-levels')))[0]).toBe('a')
  for (const nothing of [null, '', 'toString', '-nothing']) expect(sorted(tasks, orderOf(nothing))).toBe(tasks)
})

test('a column goes through its orders and back to that of the gateway', () => {
  const next = (text: string, key: string) => nextOrder(orderOf(text), key)
  expect([next('', 'lines'), next('-lines', 'lines'), next('lines', 'lines')]).toEqual(['-lines', 'lines', ''])
  expect([next('', 'task'), next('task', 'task'), next('-task', 'task')]).toEqual(['task', '-task', ''])
})

test('groups are of ids without the number of the run, or of a label', () => {
  const tasks = ['web-1', 'web-2', 'docs/video-118', 'x'].map((id) =>
    task(id, { labels: id === 'web-1' ? { branch: 'main' } : {} }),
  )
  expect(grouped(tasks, 'prefix')?.map(({ title, rows }) => [title, rows.length])).toEqual([
    ['web', 2],
    ['docs/video', 1],
    ['x', 1],
  ])
  expect(grouped(tasks, 'label:branch')?.map(({ title }) => title)).toEqual(['main', '—'])
  expect(grouped(tasks, '')).toBeUndefined()
  expect(labelNames(tasks)).toEqual(['branch'])
  expect(['42', 'linux-x64-9', 'build_2026.1.3', 'a-f34ee5bd-1c87-4103-a1b6-1c007e4762ae'].map(prefixOf)).toEqual([
    '42',
    'linux-x64',
    'build',
    'a',
  ])
})

test('a list of the last hours has what had a line in them', () => {
  const tasks = [
    task('new', { lastTimestamp: '2026-01-01T10:30:00Z' }),
    task('old', { lastTimestamp: '2026-01-01T08:00:00Z' }),
  ]
  const now = Date.parse('2026-01-01T11:00:00Z')
  expect([ids(since(tasks, 1, now)), since(tasks, undefined, now)]).toEqual([['new'], tasks])
})
