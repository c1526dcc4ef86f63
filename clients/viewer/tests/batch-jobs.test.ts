import type { JobProgress } from 'otto-logs/client'
import { expect, it } from 'vitest'
import { type BatchJob, callsByDay, isStale, withProgress } from '../src/data/batch-jobs'

const job = (over: Partial<BatchJob>): BatchJob => ({
  id: 'a',
  status: 'processing',
  progress: { current: 1, total: 3 },
  failed: 0,
  priority: 'normal',
  createdAt: 1,
  ...over,
})
const news = (over: Partial<JobProgress>): JobProgress => ({
  jobId: 'a',
  status: 'processing',
  progress: { current: 2, total: 3 },
  ...over,
})

it('shows of a job what was heard last', () => {
  const jobs = [job({ error: 'refused', retryAt: 9 }), job({ id: 'b' })]
  const [first, second] = withProgress(jobs, new Map([['a', news({})]]))
  expect([first?.progress.current, first?.error, first?.retryAt]).toEqual([2, undefined, undefined])
  expect(second).toBe(jobs[1])
})

it('reads jobs again where one has begun, ended, or is new', () => {
  expect(isStale([job({})], news({}))).toBe(false)
  expect(isStale([job({})], news({ status: 'completed' }))).toBe(true)
  expect(isStale([job({})], news({ jobId: 'b' }))).toBe(true)
})

it('shows calls by day and API, with none where there were none', () => {
  const calls = [
    { day: '2026-01-01', api: 'cafe', calls: 1, failed: 0 },
    { day: '2026-01-02', api: 'blog', calls: 3, failed: 1 },
    { day: '2026-01-02', api: 'cafe', calls: 2, failed: 0 },
  ]
  const { apis, days } = callsByDay(calls)
  expect(apis).toEqual(['blog', 'cafe'])
  expect(days.map((day) => [day.day, day.total])).toEqual([
    ['2026-01-02', 5],
    ['2026-01-01', 1],
  ])
  expect(days[1]?.calls[0]).toBeUndefined()
})
