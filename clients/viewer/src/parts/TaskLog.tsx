// The log of an automation task: live, or its rows of task_logs by level, stage and action.

import { plain } from 'otto-logs/ansi'
import { useState } from 'preact/hooks'
import type { TaskLogRow } from '../data/automation'
import { read } from '../data/requests'
import { useResource } from '../data/resource'
import { clock, millisecondsOf } from '../data/times'
import type { Shell } from '../shell/contract'
import { timeZone } from '../shell/preferences'
import { LogTail } from './LogTail'
import { Failure } from './State'

const ROWS_MAX = 200
const CHOICES = {
  level: ['info', 'warn', 'error'],
  queueType: ['schedule', 'script', 'image', 'video', 'youtube'],
  actionType: ['start', 'progress', 'complete', 'fail', 'retry', 'stop', 'skip'],
}
type Filter = keyof typeof CHOICES
const NAMES = Object.keys(CHOICES) as Filter[]

export function TaskLog({ shell, taskId }: { shell: Shell; taskId: string }) {
  const t = shell.t
  const [filters, setFilters] = useState<Partial<Record<Filter, string>>>({})
  const query = new URLSearchParams({ taskId, limit: String(ROWS_MAX) })
  const chosen = NAMES.filter((name) => filters[name])
  for (const name of chosen) query.set(name, filters[name] ?? '')
  return (
    <>
      <p class="actions">
        {NAMES.map((name) => (
          <label key={name}>
            {t.automationTask.filters[name]}{' '}
            <select
              value={filters[name] ?? ''}
              onChange={(event) => setFilters({ ...filters, [name]: event.currentTarget.value })}
            >
              <option value="">{t.automationTask.all}</option>
              {CHOICES[name].map((value) => (
                <option key={value} value={value}>
                  {(name === 'queueType' && t.automation.stages[value]) || value}
                </option>
              ))}
            </select>
          </label>
        ))}
      </p>
      {chosen.length ? <Rows shell={shell} query={query.toString()} /> : <LogTail shell={shell} taskId={taskId} />}
    </>
  )
}

function Rows({ shell, query }: { shell: Shell; query: string }) {
  const t = shell.t.automationTask
  const path = `/api/automation/logs?${query}`
  const found = useResource(
    path,
    (signal) => read<{ logs: TaskLogRow[] }>(path, { signal }),
    () => 2000,
  )
  const rows = [...(found.value?.logs ?? [])].reverse()
  return (
    <>
      {found.error && <Failure shell={shell} error={found.error} isStrip again={found.reload} />}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <ol class="log-tail" tabIndex={0} aria-label={t.log}>
        {rows.length === 0 && <li class="faint">{t.noLog}</li>}
        {rows.map((row) => (
          <li key={row.id} data-level={row.level.toUpperCase()}>
            <span class="faint">{clock(millisecondsOf(row.created_at) ?? 0, Date.now(), timeZone.value)}</span>
            <span class="level">{row.level.toUpperCase()}</span>
            <span>{plain(row.message)}</span>
          </li>
        ))}
      </ol>
    </>
  )
}
