// Batch jobs as the gateway lists them, and what they add up to.
import type { JobProgress } from 'otto-logs/client'
import { read } from './requests'

export const STATUSES = ['all', 'pending', 'processing', 'completed', 'failed'] as const
export type Status = (typeof STATUSES)[number]

const PAGE_MAX = 200

/** A job of `GET /api/documents/jobs`; times are milliseconds since 1970. */
export interface BatchJob {
  id: string
  status: string
  progress: { current: number; total: number }
  failed: number
  priority: string
  createdAt: number
  startedAt?: number
  completedAt?: number
  error?: string
  retries?: number
  retryAt?: number
  meanKeywordMilliseconds?: number
}

export interface ApiCalls {
  day: string
  api: string
  calls: number
  failed: number
}

export interface BatchTotals {
  jobs: Record<Exclude<Status, 'all'>, number>
  keywords: { counted: number; failed: number }
  meanKeywordMilliseconds: number | null
  retries: number
  calls: ApiCalls[]
}

export interface BatchJobs {
  jobs: BatchJob[]
  hasMore: boolean
}

/** The newest jobs of a status, as many pages of the gateway as `limit` needs. */
export async function readJobs(status: Status, limit: number, signal: AbortSignal): Promise<BatchJobs> {
  const jobs: BatchJob[] = []
  let next: string | null = null
  do {
    const query = new URLSearchParams({ limit: String(Math.min(limit - jobs.length, PAGE_MAX)) })
    if (status !== 'all') query.set('status', status)
    if (next) query.set('cursor', next)
    const page: { jobs: BatchJob[]; next: string | null } = await read(`/api/documents/jobs?${query}`, { signal })
    jobs.push(...page.jobs)
    next = page.next
  } while (next && jobs.length < limit)
  return { jobs, hasMore: next !== null }
}

/** Jobs with what was heard of them since they were read. */
export function withProgress(jobs: readonly BatchJob[], heard: ReadonlyMap<string, JobProgress>): BatchJob[] {
  return jobs.map((job) => {
    const news = heard.get(job.id)
    if (!news) return job
    return { ...job, status: news.status, progress: news.progress, error: news.error, retryAt: news.retryAt }
  })
}

/** Whether a list has to be read again for an event: a job of it has another status, or it is not there. */
export function isStale(jobs: readonly BatchJob[], news: JobProgress): boolean {
  return jobs.find((job) => job.id === news.jobId)?.status !== news.status
}

export interface DayOfCalls {
  day: string
  /** By API, in the order of `apis`; undefined: none. */
  calls: (ApiCalls | undefined)[]
  total: number
}

/** Calls as a table: a row for each day, the newest first, and a column for each API. */
export function callsByDay(calls: readonly ApiCalls[]): { apis: string[]; days: DayOfCalls[] } {
  const apis = [...new Set(calls.map((each) => each.api))].sort()
  const days = [...new Set(calls.map((each) => each.day))].sort().reverse()
  return {
    apis,
    days: days.map((day) => {
      const ofDay = calls.filter((each) => each.day === day)
      return {
        day,
        calls: apis.map((api) => ofDay.find((each) => each.api === api)),
        total: ofDay.reduce((sum, each) => sum + each.calls, 0),
      }
    }),
  }
}
