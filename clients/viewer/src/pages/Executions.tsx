import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { listenTo } from '../data/events'
import { type Execution, executionsOf, type NodeRow } from '../data/executions'
import { read } from '../data/requests'
import { type Resource, useResource } from '../data/resource'
import { duration } from '../data/times'
import { DataTable } from '../parts/DataTable'
import { Name } from '../parts/Name'
import { Plot } from '../parts/Plot'
import { usePageKeys } from '../parts/row-keys'
import { Empty, Failure, Loading } from '../parts/State'
import { StatusBadge, statusText, toneOf } from '../parts/StatusBadge'
import { now, Time } from '../parts/Time'
import { useTitle } from '../parts/use-title'
import type { Shell } from '../shell/contract'
import { executionUrl } from '../shell/routes'

const ROWS = 1000
const STRIP = 40

interface Statistics {
  total: number
  completed: number
  failed: number
  average_execution_time: number
}

interface Dashboard {
  all_executions: number
  all_failed_scripts: number
}

/** Executions of workflows, the latest first, with the statistics of all. */
export function Executions({ shell, query }: { shell: Shell; query: URLSearchParams }) {
  const t = shell.t
  const page = useRef<HTMLElement | null>(null)
  const [wanted, setWanted] = useState(query.get('search') ?? '')
  const rows = useResource(
    'executions',
    (signal) => read<{ logs: NodeRow[] }>(`/api/logs/node-execution?limit=${ROWS}`, { signal }),
    (value) => (value?.logs.some((row) => row.status === 'running') ? 2000 : 10_000),
  )
  const optional = { isOptional: true }
  const statistics = useResource('statistics', (signal) => read<Statistics>('/api/logs/stats', { signal, ...optional }))
  const dashboard = useResource('dashboard', (signal) =>
    read<Dashboard>('/api/dashboard/stats', { signal, ...optional }),
  )
  useUpdates(shell, [rows, statistics, dashboard])
  useTitle(shell, t.executions.title)
  usePageKeys(shell, page)

  const all = useMemo(() => executionsOf(rows.value?.logs ?? [], Date.now()), [rows.value])
  const text = wanted.trim().toLowerCase()
  const shown = all.filter((each) => `${each.id} ${each.scriptId ?? ''}`.toLowerCase().includes(text))
  return (
    <section class="page" ref={page}>
      <header class="page-head">
        <h1>{t.executions.title}</h1>
        <search class="tools">
          <input
            type="search"
            data-search
            aria-label={t.executions.filter}
            placeholder={t.executions.filterHint}
            value={wanted}
            spellcheck={false}
            autocomplete="off"
            onInput={({ currentTarget }) => setWanted(currentTarget.value)}
          />
        </search>
      </header>
      {rows.error && (
        <Failure shell={shell} error={rows.error} isStrip={rows.value !== undefined} again={rows.reload} />
      )}
      {!rows.value && !rows.error && <Loading shell={shell} />}
      {rows.value && (
        <>
          <Figures shell={shell} statistics={statistics.value} dashboard={dashboard.value} />
          {all.length > 1 && <Durations shell={shell} executions={all} />}
          {all.length === 0 && (
            <Empty title={t.executions.none}>
              <p>{t.executions.noneText}</p>
            </Empty>
          )}
          {all.length > 0 && shown.length === 0 && <Empty title={t.executions.noMatch} />}
          {shown.length > 0 && <Table shell={shell} executions={shown} />}
          {rows.value.logs.length === ROWS && <p class="note">{t.executions.newest(ROWS)}</p>}
        </>
      )}
    </section>
  )
}

function Figures({ shell, statistics, dashboard }: { shell: Shell; statistics?: Statistics; dashboard?: Dashboard }) {
  const t = shell.t.executions
  const number = shell.t.common.number
  const figures: [string, string, string?][] = []
  if (statistics) {
    figures.push([t.total, number(statistics.total)])
    figures.push([t.completed, number(statistics.completed)])
    figures.push([t.failed, number(statistics.failed), statistics.failed ? 'bad' : undefined])
    figures.push([t.average, duration(statistics.average_execution_time)])
  }
  if (dashboard && dashboard.all_executions > 0) {
    figures.push([t.scripts, number(dashboard.all_executions)])
    figures.push([
      t.scriptsFailed,
      number(dashboard.all_failed_scripts),
      dashboard.all_failed_scripts ? 'bad' : undefined,
    ])
  }
  if (!figures.length) return null
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

function Durations({ shell, executions }: { shell: Shell; executions: Execution[] }) {
  const t = shell.t
  const points = useMemo(
    () =>
      executions.flatMap((each) =>
        each.start === null || each.took === null || each.status === 'running'
          ? []
          : [{ at: each.start, took: each.took, isBad: each.status === 'failed' }],
      ),
    [executions],
  )
  const longest = duration(Math.max(0, ...points.map((point) => point.took)))
  const names: [string, string] = [statusText('completed', t), statusText('failed', t)]
  return (
    <Plot
      points={points}
      title={t.executions.chart}
      text={t.executions.chartText(points.length, longest)}
      names={names}
    />
  )
}

function Table({ shell, executions }: { shell: Shell; executions: Execution[] }) {
  const t = shell.t
  return (
    <DataTable
      name="executions"
      rows={executions}
      keyOf={(each) => each.id}
      columns={[
        { key: 'status', header: t.common.status, cell: (each) => <StatusBadge status={each.status} t={t} /> },
        {
          key: 'execution',
          header: t.executions.execution,
          isName: true,
          cell: ({ id }) => (
            <a href={executionUrl(id)} data-row title={id}>
              <Name text={id} />
            </a>
          ),
        },
        {
          key: 'script',
          header: t.executions.script,
          isWide: true,
          class: 'soft cut',
          cell: ({ scriptId }) => <bdi>{scriptId ?? '—'}</bdi>,
        },
        {
          key: 'nodes',
          header: t.executions.nodes,
          isWide: true,
          cell: (each) => <Strip shell={shell} execution={each} />,
        },
        {
          key: 'took',
          header: t.common.duration,
          isNumber: true,
          class: 'soft',
          cell: (each) => <Took execution={each} />,
        },
        {
          key: 'started',
          header: t.common.started,
          isNumber: true,
          class: 'soft',
          cell: ({ start }) => <Time at={start} />,
        },
      ]}
    />
  )
}

/** How long an execution took, or takes so far. */
export function Took({ execution }: { execution: Execution }) {
  if (execution.status === 'running' && execution.start !== null) return <>{duration(now.value - execution.start)}</>
  return <>{execution.took === null ? '—' : duration(execution.took)}</>
}

function Strip({ shell, execution }: { shell: Shell; execution: Execution }) {
  const { runs, failed } = execution
  const running = runs.filter((run) => run.status === 'running').length
  // Of very many runs each mark stands for several; a failed one shows.
  const size = Math.ceil(runs.length / STRIP)
  const marks = Array.from({ length: Math.ceil(runs.length / size) }, (_, n) => {
    const part = runs.slice(n * size, (n + 1) * size).map((run) => run.status)
    return toneOf(part.includes('failed') ? 'failed' : part.includes('running') ? 'running' : (part[0] ?? ''))
  })
  return (
    <span class="nodes">
      <span class="nodes-strip" aria-hidden="true">
        {marks.map((tone, n) => (
          <i key={n} data-tone={tone} />
        ))}
      </span>
      <span class="soft">{shell.t.common.number(runs.length)}</span>
      <span class="heard-only">{shell.t.executions.strip(runs.length - failed - running, failed, running)}</span>
    </span>
  )
}

/** Loads again when the gateway says that records have changed. */
export function useUpdates({ gateway }: Shell, resources: Resource<unknown>[]): void {
  const latest = useRef(resources)
  latest.current = resources
  useEffect(
    () =>
      listenTo(gateway, 'logsUpdated', () => {
        for (const resource of latest.current) resource.reload()
      }),
    [],
  )
}
