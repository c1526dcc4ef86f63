import { useSignalEffect } from '@preact/signals'
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import { duration } from '../data/times'
import { clockText, dayText } from '../data/zone'
import { Icon } from '../parts/icons'
import { StatusBadge } from '../parts/StatusBadge'
import { Boundary } from '../shell/Boundary'
import type { Shell } from '../shell/contract'
import { timeZone } from '../shell/preferences'
import { DownloadMenu } from './DownloadMenu'
import { Filters } from './Filters'
import { Histogram } from './Histogram'
import { IncidentsLink } from './IncidentsLink'
import { LogController } from './log-controller'
import { keysOf } from './log-keys'
import { MaskedCount } from './MaskedCount'
import { Rows } from './Rows'
import { Search } from './Search'
import { StageStrip } from './StageStrip'
import { SummaryButton, SummaryCard } from './SummaryCard'
import './log.css'
import { ViewMenu } from './ViewMenu'

/** One task's log. */
export function LogPage({ taskId, query, shell }: { taskId: string; query: URLSearchParams; shell: Shell }) {
  const log = useMemo(() => new LogController(taskId, query, shell), [taskId])
  const t = shell.t.log
  const search = useRef<HTMLInputElement>(null)
  const filter = useRef<HTMLInputElement>(null)
  log.speak(shell, document.documentElement.lang || 'en')
  useEffect(() => () => log.close(), [log])
  useEffect(() => log.readAddress(query), [query])
  useLayoutEffect(() => {
    const fields = [() => search.current, () => filter.current] as const
    return shell.keys.register(keysOf(log, t.keys, ...fields))
  }, [log, shell])
  useSignalEffect(() => {
    if (log.model.stream.value === 'waiting') log.shell.announce(log.shell.t.log.states.waiting)
  })
  return (
    <section class="log-page" aria-label={t.rows(taskId)}>
      <header class="log-head">
        <h1 title={taskId}>{taskId}</h1>
        <State log={log} taskId={taskId} shell={shell} />
        <SummaryButton log={log} t={t} />
        <IncidentsLink log={log} taskId={taskId} shell={shell} />
        <Facts log={log} shell={shell} />
        <MaskedCount log={log} taskId={taskId} shell={shell} />
        <span class="log-actions quiet">
          <button type="button" aria-label={t.copyLink} title={t.copyLink} onClick={() => void log.copyLink()}>
            <Icon name="link" />
          </button>
          <DownloadMenu log={log} taskId={taskId} t={t} />
        </span>
      </header>
      <Boundary isQuiet>
        <StageStrip log={log} shell={shell} />
        <SummaryCard log={log} t={t} />
      </Boundary>
      <div class="log-tools">
        <Search log={log} t={t} field={search} />
        <Filters log={log} t={t} field={filter} />
        <span class="log-view quiet">
          <ViewMenu log={log} t={t} />
          <Follow log={log} shell={shell} />
        </span>
      </div>
      <Boundary isQuiet>
        <Histogram log={log} t={t} />
      </Boundary>
      <Rows log={log} taskId={taskId} shell={shell} />
    </section>
  )
}

/** How the task is, or, as long as it runs, the connection; the tab says it, too. */
function State({ log, taskId, shell }: { log: LogController; taskId: string; shell: Shell }) {
  const { t } = shell
  const status = log.model.status.value
  const stream = log.model.stream.value
  useEffect(() => shell.title(taskId, status === 'UNKNOWN' ? undefined : status), [taskId, status, shell])
  if (log.isOver) return <StatusBadge status={status} t={t} isPill />
  const shown = { waiting: 'RETRYING', open: 'RUNNING', connecting: 'UNKNOWN', complete: 'UNKNOWN', closed: 'UNKNOWN' }
  return <StatusBadge status={shown[stream]} t={t} text={t.log.states[stream]} isPill />
}

/** On its own: it changes with every line. */
function Facts({ log, shell }: { log: LogController; shell: Shell }) {
  const t = shell.t.log
  const { startTimestamp, lastTimestamp, lastSequence, workers } = log.model
  const [start, end] = [Date.parse(startTimestamp.value ?? ''), Date.parse(lastTimestamp.value ?? '')]
  const zone = timeZone.value
  const several = workers.value.length
  return (
    <p class="log-facts">
      <span class="log-count">{t.lines(lastSequence.value)}</span>
      {end >= start && <span>{duration(end - start)}</span>}
      {end >= start && (
        <span class="log-when">
          {dayText(start, zone)} {clockText(start, zone)} →{' '}
          {dayText(end, zone) === dayText(start, zone) ? '' : `${dayText(end, zone)} `}
          {clockText(end, zone)}
        </span>
      )}
      {several > 0 && (
        <span title={workers.value.join(', ')}>{several === 1 ? workers.value[0] : t.workerCount(several)}</span>
      )}
    </p>
  )
}

function Follow({ log, shell }: { log: LogController; shell: Shell }) {
  const t = shell.t.log
  if (log.isOver) return null
  return (
    <button
      type="button"
      class="log-live"
      aria-pressed={log.isFollowing.value}
      title={t.followHint}
      onClick={() => log.go.toggleFollow()}
    >
      <Icon name="follow" />
      <span>{t.follow}</span>
    </button>
  )
}
