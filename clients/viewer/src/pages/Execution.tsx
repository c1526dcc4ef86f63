import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { executionOf, type NodeRow, totalsOf, type Execution as Whole } from '../data/executions'
import { read } from '../data/requests'
import { useResource } from '../data/resource'
import { duration } from '../data/times'
import { DataTable } from '../parts/DataTable'
import { Plot } from '../parts/Plot'
import { usePageKeys } from '../parts/row-keys'
import { Empty, Failure, Loading } from '../parts/State'
import { StatusBadge, statusText } from '../parts/StatusBadge'
import { now, Time } from '../parts/Time'
import { useTitle } from '../parts/use-title'
import { Waterfall } from '../parts/Waterfall'
import type { Shell } from '../shell/contract'
import { Took, useUpdates } from './Executions'

const ROWS = 1000
const NODES_SHOWN = 12

/** One execution: its node runs over time, and where the time went. */
export function Execution({ shell, executionId }: { shell: Shell; executionId: string }) {
  const t = shell.t
  const page = useRef<HTMLElement | null>(null)
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set())
  const [onlyFailed, setOnlyFailed] = useState(false)
  const rows = useResource(
    `execution ${executionId}`,
    (signal) =>
      read<{ logs: NodeRow[] }>(
        `/api/logs/node-execution?${new URLSearchParams({ execution_id: executionId, limit: String(ROWS) })}`,
        { signal },
      ),
    (value) => (!value?.logs.length || value.logs.some((row) => row.status === 'running') ? 1000 : 10_000),
  )
  useUpdates(shell, [rows])
  useTitle(shell, executionId)
  const isRunning = rows.value?.logs.some((row) => row.status === 'running') ?? false
  const tick = isRunning ? now.value : 0
  const whole = useMemo(
    () => executionOf(executionId, rows.value?.logs ?? [], tick || Date.now()),
    [rows.value, executionId, tick],
  )
  const toggleAll = useRef(() => {})
  toggleAll.current = () => setOpened(opened.size ? new Set() : new Set(whole.runs.map((run) => run.row.id)))
  usePageKeys(shell, page, {
    f: { label: t.execution.onlyFailed, run: () => setOnlyFailed((before) => !before) },
    o: { label: t.execution.expandAll, run: () => toggleAll.current() },
  })
  useSpokenEnd(shell, whole, rows.value !== undefined)

  const toggle = (id: number) => {
    const next = new Set(opened)
    if (!next.delete(id)) next.add(id)
    setOpened(next)
  }
  const done = whole.runs.filter((run) => run.status !== 'running').length
  return (
    <section class="page" ref={page}>
      <header class="page-head">
        <nav class="trail">
          <a href="/executions">{t.execution.back}</a>
        </nav>
        <h1 class="id">
          <bdi>{executionId}</bdi>
        </h1>
        {whole.runs.length > 0 && (
          <p class="sum">
            <StatusBadge status={whole.status} t={t} />
            {whole.scriptId && (
              <span class="cut">
                <bdi>{whole.scriptId}</bdi>
              </span>
            )}
            <span>
              <Time at={whole.start} as="clock" />
            </span>
            <span>
              <Took execution={whole} />
            </span>
            <span>{t.execution.nodesDone(done, whole.runs.length)}</span>
          </p>
        )}
        {whole.failed > 0 && (
          <div class="tools">
            <label class="check">
              <input
                type="checkbox"
                checked={onlyFailed}
                onChange={({ currentTarget }) => setOnlyFailed(currentTarget.checked)}
              />
              {t.execution.onlyFailed} <b data-tone="bad">{t.common.number(whole.failed)}</b>
            </label>
          </div>
        )}
      </header>
      {rows.error && (
        <Failure shell={shell} error={rows.error} isStrip={rows.value !== undefined} again={rows.reload} />
      )}
      {!rows.value && !rows.error && <Loading shell={shell} />}
      {rows.value && whole.runs.length === 0 && (
        <Empty title={t.execution.none}>
          <p>{t.execution.noneText}</p>
        </Empty>
      )}
      {whole.runs.length > 0 && (
        <>
          {rows.value?.logs.length === ROWS && <p class="note">{t.execution.cut(ROWS)}</p>}
          <Waterfall
            shell={shell}
            execution={whole}
            isShown={(run) => !onlyFailed || run.status === 'failed'}
            opened={opened}
            toggle={toggle}
          />
          <div class="columns">
            <Totals shell={shell} execution={whole} />
            <Times shell={shell} execution={whole} />
          </div>
        </>
      )}
    </section>
  )
}

function Totals({ shell, execution }: { shell: Shell; execution: Whole }) {
  const t = shell.t
  const totals = totalsOf(execution.runs)
  const most = totals[0]?.total || 1
  return (
    <section aria-labelledby="totals">
      <h2 id="totals">{t.execution.totals}</h2>
      <DataTable
        name="totals"
        rows={totals.slice(0, NODES_SHOWN)}
        keyOf={(node) => totals.indexOf(node)}
        columns={[
          { key: 'node', header: t.execution.node, isName: true, cell: ({ name }) => <bdi>{name}</bdi> },
          {
            key: 'runs',
            header: t.execution.runs,
            isNumber: true,
            class: 'soft',
            cell: ({ runs }) => t.common.number(runs),
          },
          {
            key: 'longest',
            header: t.execution.longest,
            isNumber: true,
            class: 'soft',
            cell: ({ longest }) => duration(longest),
          },
          {
            key: 'sum',
            header: t.execution.sum,
            isNumber: true,
            class: 'meter',
            cell: ({ total, failed }) => (
              <>
                <i
                  aria-hidden="true"
                  style={{ width: `${(100 * total) / most}%` }}
                  data-tone={failed ? 'bad' : 'busy'}
                />
                <span>{duration(total)}</span>
              </>
            ),
          },
        ]}
      />
    </section>
  )
}

function Times({ shell, execution }: { shell: Shell; execution: Whole }) {
  const t = shell.t
  const points = useMemo(
    () =>
      execution.runs.flatMap((run) =>
        run.start === null || run.took === null || run.status === 'running'
          ? []
          : [{ at: run.start, took: run.took, isBad: run.status === 'failed' }],
      ),
    [execution.runs.length, execution.status],
  )
  if (points.length < 2) return null
  const longest = duration(Math.max(...points.map((point) => point.took)))
  const names: [string, string] = [statusText('completed', t), statusText('failed', t)]
  return (
    <Plot
      points={points}
      title={t.execution.chart}
      text={t.execution.chartText(points.length, longest)}
      names={names}
    />
  )
}

function useSpokenEnd(shell: Shell, execution: Whole, isLoaded: boolean) {
  const before = useRef('')
  useEffect(() => {
    if (!isLoaded) return
    if (before.current === 'running' && execution.status !== 'running') {
      shell.announce(shell.t.execution.changed(statusText(execution.status, shell.t)))
    }
    before.current = execution.status
  }, [execution.status, isLoaded])
}
