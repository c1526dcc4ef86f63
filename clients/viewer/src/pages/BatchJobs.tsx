import type { GatewayOptions } from 'otto-logs'
import type { JobProgress } from 'otto-logs/client'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import {
  type ApiCalls,
  type BatchJob,
  type BatchTotals,
  callsByDay,
  type DayOfCalls,
  isStale,
  type Status as JobStatus,
  readJobs,
  STATUSES,
  withProgress,
} from '../data/batch-jobs'
import { listenTo } from '../data/events'
import { read } from '../data/requests'
import { type Resource, useResource } from '../data/resource'
import { duration } from '../data/times'
import { Bar } from '../parts/Bar'
import { DataTable } from '../parts/DataTable'
import { usePageKeys } from '../parts/row-keys'
import { Empty, Failure, Loading } from '../parts/State'
import { StatusBadge, statusText, toneOf } from '../parts/StatusBadge'
import { Time } from '../parts/Time'
import { useLimit } from '../parts/use-limit'
import { useTitle } from '../parts/use-title'
import type { Shell } from '../shell/contract'
import { logUrl } from '../shell/routes'

const PAGE = 50
const OFF = 'NAVER_CLIENT_ID'

/** Batch jobs, the newest first, with their progress as it happens, and what they add up to. */
export function BatchJobs({ shell, query }: { shell: Shell; query: URLSearchParams }) {
  const t = shell.t
  const page = useRef<HTMLElement | null>(null)
  const [limit, more] = useLimit(PAGE)
  const tab: JobStatus = STATUSES.find((each) => each === query.get('status')) ?? 'all'
  const found = useResource(
    `batch jobs ${tab} ${limit}`,
    (signal) => readJobs(tab, limit, signal),
    () => 10_000,
  )
  const totals = useResource(
    'batch totals',
    (signal) => read<BatchTotals>('/api/documents/statistics', { signal, isOptional: true }),
    () => 10_000,
  )
  const heard = useProgress(shell.gateway, [found, totals], found.value?.jobs ?? [])
  useTitle(shell, t.batchJobs.title)
  usePageKeys(shell, page)
  const jobs = useMemo(() => withProgress(found.value?.jobs ?? [], heard), [found.value, heard])
  const isOff = found.error?.status === 503 && found.error.message.includes(OFF)
  return (
    <section class="page" ref={page}>
      <header class="page-head">
        <h1>{t.batchJobs.title}</h1>
      </header>
      {isOff && (
        <Empty title={t.batchJobs.off}>
          <p>{t.batchJobs.offText}</p>
        </Empty>
      )}
      {found.error && !isOff && (
        <Failure shell={shell} error={found.error} isStrip={found.value !== undefined} again={found.reload} />
      )}
      {!found.value && !found.error && <Loading shell={shell} />}
      {found.value && (
        <>
          {totals.value && <Figures shell={shell} totals={totals.value} />}
          <nav class="tabs" aria-label={t.common.status}>
            {STATUSES.map((each) => (
              <a
                key={each}
                href={`/batch-jobs?status=${each}`}
                aria-current={each === tab ? 'page' : undefined}
                data-status={each}
              >
                {each === 'all' ? t.common.all : statusText(each, t)}
                {each !== 'all' && totals.value && <b>{t.common.number(totals.value.jobs[each])}</b>}
              </a>
            ))}
          </nav>
          {jobs.length === 0 ? (
            <Empty title={t.batchJobs.none}>
              <p>{t.batchJobs.noneText}</p>
            </Empty>
          ) : (
            <Table shell={shell} jobs={jobs} />
          )}
          {found.value.hasMore && (
            <p class="actions">
              <button type="button" onClick={more}>
                {t.common.more}
              </button>
            </p>
          )}
          {totals.value && totals.value.calls.length > 0 && <Calls shell={shell} totals={totals.value} />}
        </>
      )}
    </section>
  )
}

/** What was heard of jobs since they were read; reads again where a job has begun, ended, or is new. */
function useProgress(
  gateway: GatewayOptions,
  resources: Resource<unknown>[],
  jobs: readonly BatchJob[],
): ReadonlyMap<string, JobProgress> {
  const [heard, setHeard] = useState<ReadonlyMap<string, JobProgress>>(new Map())
  const latest = useRef({ resources, jobs })
  latest.current = { resources, jobs }
  useEffect(() => setHeard(new Map()), [jobs])
  useEffect(
    () =>
      listenTo(gateway, 'progress', (news) => {
        setHeard((before) => new Map(before).set(news.jobId, news))
        if (!isStale(latest.current.jobs, news)) return
        for (const resource of latest.current.resources) resource.reload()
      }),
    [],
  )
  return heard
}

function Figures({ shell, totals }: { shell: Shell; totals: BatchTotals }) {
  const t = shell.t.batchJobs
  const number = shell.t.common.number
  const { jobs, keywords } = totals
  const figures: [string, string, string?][] = [
    [t.running, number(jobs.processing + jobs.pending)],
    [t.completed, number(jobs.completed)],
    [t.failed, number(jobs.failed), jobs.failed ? 'bad' : undefined],
    [t.counted, number(keywords.counted)],
    [t.notCounted, number(keywords.failed), keywords.failed ? 'bad' : undefined],
    [t.mean, totals.meanKeywordMilliseconds === null ? '—' : duration(totals.meanKeywordMilliseconds)],
    [t.retries, number(totals.retries)],
  ]
  return (
    <dl class="figures">
      {figures.map(([name, value, tone]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd data-tone={tone}>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function Table({ shell, jobs }: { shell: Shell; jobs: readonly BatchJob[] }) {
  const t = shell.t
  return (
    <DataTable
      name="batch-jobs"
      rows={jobs}
      keyOf={(job) => job.id}
      columns={[
        {
          key: 'status',
          header: t.common.status,
          cell: (job) => <StatusBadge status={job.retryAt ? 'RETRYING' : job.status} t={t} />,
        },
        {
          key: 'job',
          header: t.batchJobs.job,
          isName: true,
          class: 'plain',
          cell: (job) => <Job job={job} shell={shell} />,
        },
        { key: 'progress', header: t.batchJobs.progress, cell: (job) => <Progress job={job} /> },
        {
          key: 'failed',
          header: t.batchJobs.notCounted,
          isNumber: true,
          isWide: true,
          class: 'soft',
          cell: (job) => t.common.number(job.failed),
        },
        {
          key: 'mean',
          header: t.batchJobs.mean,
          isNumber: true,
          isWide: true,
          class: 'soft',
          cell: ({ meanKeywordMilliseconds: mean }) => (mean === undefined ? '—' : duration(mean)),
        },
        {
          key: 'created',
          header: t.batchJobs.created,
          isNumber: true,
          class: 'soft',
          cell: (job) => <Time at={job.createdAt} />,
        },
      ]}
    />
  )
}

function Job({ job, shell }: { job: BatchJob; shell: Shell }) {
  const t = shell.t
  return (
    <>
      <a href={logUrl(job.id, new URLSearchParams({ pipeline: job.id }))} data-row title={job.id}>
        <bdi>{job.id}</bdi>
      </a>
      {job.retries ? <span class="soft"> {t.batchJobs.retried(job.retries)}</span> : null}
      {job.error && (
        <span class="bad cut">
          <bdi>{job.error}</bdi>
        </span>
      )}
    </>
  )
}

function Progress({ job }: { job: BatchJob }) {
  const { current, total } = job.progress
  return (
    <span title={`${current} / ${total}`}>
      <Bar percent={(100 * current) / total} label={job.id} tone={toneOf(job.status)} />
    </span>
  )
}

function Count({ calls, shell }: { calls: ApiCalls | undefined; shell: Shell }) {
  const t = shell.t
  if (!calls) return <>—</>
  return (
    <>
      {t.common.number(calls.calls)}
      {calls.failed > 0 && <span class="bad"> {t.batchJobs.failedCalls(calls.failed)}</span>}
    </>
  )
}

function Calls({ shell, totals }: { shell: Shell; totals: BatchTotals }) {
  const t = shell.t
  const { apis, days } = useMemo(() => callsByDay(totals.calls), [totals])
  return (
    <section class="calls">
      <h2>{t.batchJobs.calls}</h2>
      <DataTable
        name="days"
        rows={days}
        keyOf={(day) => day.day}
        columns={[
          { key: 'day', header: t.batchJobs.day, isName: true, class: 'plain', cell: ({ day }) => day },
          ...apis.map((api, n) => ({
            key: `of ${api}`,
            header: api,
            isNumber: true,
            class: 'soft',
            cell: (day: DayOfCalls) => <Count calls={day.calls[n]} shell={shell} />,
          })),
          { key: 'sum', header: t.batchJobs.sum, isNumber: true, cell: ({ total }) => t.common.number(total) },
        ]}
      />
    </section>
  )
}
