import { type Execution, type NodeRun, ticksOf } from '../data/executions'
import { duration } from '../data/times'
import type { Shell } from '../shell/contract'
import { StatusBadge, toneOf } from './StatusBadge'
import { Time } from './Time'

const TICKS = 6

/** Node runs as bars over the time of their execution; each opens to what it was given and what it gave. */
export function Waterfall({
  shell,
  execution,
  isShown,
  opened,
  toggle,
}: {
  shell: Shell
  execution: Execution
  isShown(run: NodeRun): boolean
  opened: ReadonlySet<number>
  toggle(id: number): void
}) {
  const t = shell.t
  const span = Math.max(1, execution.took ?? 1)
  const from = execution.start ?? 0
  const percent = (time: number) => (100 * time) / span
  return (
    <section class="waterfall" aria-labelledby="waterfall">
      <h2 id="waterfall" class="heard-only">
        {t.execution.waterfall}
      </h2>
      <div class="axis" aria-hidden="true">
        <span>{t.execution.node}</span>
        <div class="scale">
          {ticksOf(span, TICKS).map((tick) => (
            <i key={tick} style={{ left: `${percent(tick)}%` }}>
              <span>{duration(tick)}</span>
            </i>
          ))}
        </div>
        <span class="number">{t.execution.took}</span>
      </div>
      <ol>
        {execution.runs.filter(isShown).map((run) => {
          const isOpen = opened.has(run.row.id)
          const left = run.start === null ? 0 : percent(run.start - from)
          return (
            <li key={run.row.id} data-open={isOpen}>
              <button
                type="button"
                data-row
                aria-expanded={isOpen}
                aria-controls={`run-${run.row.id}`}
                onClick={() => toggle(run.row.id)}
              >
                <span class="node" title={run.row.node_id ?? undefined}>
                  <StatusBadge status={run.status} t={t} />
                  <bdi>{run.name}</bdi>
                  {run.row.node_type && <span class="type">{run.row.node_type}</span>}
                </span>
                <span class="track" aria-hidden="true">
                  <i
                    data-tone={toneOf(run.status)}
                    style={{ left: `${left}%`, width: `${Math.min(100 - left, percent(run.took ?? 0))}%` }}
                  />
                </span>
                <span class="number">{run.took === null ? '—' : duration(run.took)}</span>
              </button>
              {isOpen && <Details shell={shell} run={run} />}
            </li>
          )
        })}
      </ol>
    </section>
  )
}

function Details({ shell, run }: { shell: Shell; run: NodeRun }) {
  const t = shell.t.execution
  const { row } = run
  const texts: [string, string | null, boolean][] = [
    [t.error, row.error_message, true],
    [t.traceback, row.error_traceback, true],
    [t.parameters, json(row.parameters), false],
    [t.result, json(row.result), false],
  ]
  return (
    <div class="details" id={`run-${row.id}`}>
      <dl>
        <div>
          <dt>{t.started}</dt>
          <dd>
            <Time at={run.start} as="clock" />
          </dd>
        </div>
        <div>
          <dt>{t.finished}</dt>
          <dd>{row.status === 'running' ? '—' : <Time at={run.end} as="clock" />}</dd>
        </div>
        <div>
          <dt>ID</dt>
          <dd>
            <code>{row.node_id}</code>
          </dd>
        </div>
      </dl>
      <div class="values">
        {texts.map(([name, text, isBad]) =>
          text === null ? null : (
            <section key={name} data-wide={isBad}>
              <h3>{name}</h3>
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
              <pre tabIndex={0} data-tone={isBad ? 'bad' : undefined}>
                {text}
              </pre>
            </section>
          ),
        )}
      </div>
    </div>
  )
}

function json(value: unknown): string | null {
  if (value === null || value === undefined) return null
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2)
}
