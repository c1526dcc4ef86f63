import { useRef, useState } from 'preact/hooks'
import {
  canRetry,
  isActive,
  type QueueRow,
  type ScheduleRow,
  type Stage,
  statusOf,
  type TaskDetail,
} from '../data/automation'
import { change, read } from '../data/requests'
import { useResource } from '../data/resource'
import { duration, millisecondsOf } from '../data/times'
import { Bar } from '../parts/Bar'
import { Confirm } from '../parts/Confirm'
import { DataTable } from '../parts/DataTable'
import { usePageKeys } from '../parts/row-keys'
import { Empty, Failure, Loading } from '../parts/State'
import { StatusBadge, toneOf } from '../parts/StatusBadge'
import { TaskLog } from '../parts/TaskLog'
import { now, Time } from '../parts/Time'
import { Outcome, useAction } from '../parts/use-action'
import { useTitle } from '../parts/use-title'
import type { Shell } from '../shell/contract'
import { logUrl } from '../shell/routes'

/** One automation task: how far it is, what it did and says, and what can be done about it. */
export function AutomationTask({ shell, taskId }: { shell: Shell; taskId: string }) {
  const t = shell.t
  const page = useRef<HTMLElement | null>(null)
  const [isRemoving, setRemoving] = useState(false)
  const path = `/api/automation/tasks/${encodeURIComponent(taskId)}`
  const found = useResource(
    path,
    (signal) => read<TaskDetail>(path, { signal }),
    (value) => (value && !isActive(value.queue) ? 4000 : 1000),
  )
  const detail = found.value
  useTitle(shell, detail?.task.title ?? taskId)
  usePageKeys(shell, page)

  const action = useAction(shell, found.reload)
  const { act, isBusy } = action
  const stop = () =>
    act(async () => {
      const answer = await change<{ stoppedProcessing?: number; deletedWaiting?: number; killedProcesses?: string[] }>(
        'POST',
        '/api/automation/stop',
        { taskId },
      )
      return t.automationTask.stopped(
        answer.stoppedProcessing ?? 0,
        answer.deletedWaiting ?? 0,
        answer.killedProcesses?.join(', ') || '—',
      )
    })
  const retry = () =>
    act(async () => {
      const answer = await change<{ queueType: string }>('POST', `${path}/retry`)
      return t.automationTask.retried(t.automation.stages[answer.queueType] ?? answer.queueType)
    })
  const remove = () => {
    setRemoving(false)
    act(async () => {
      await change('DELETE', path)
      shell.announce(t.automationTask.removed)
      shell.navigate('/automation', { replace: true })
      return t.automationTask.removed
    })
  }

  if (found.error?.status === 404 && !detail) {
    return (
      <section class="page" ref={page}>
        <header class="page-head">
          <nav class="trail">
            <a href="/automation">{t.automationTask.back}</a>
          </nav>
          <h1 class="id">{taskId}</h1>
        </header>
        {/* Both are 404; only the one for a queue that is off names its setting. */}
        {found.error.message.includes('AUTOMATION_ENABLED') ? (
          <Empty title={t.automation.off}>
            <p>{t.automation.offText}</p>
          </Empty>
        ) : (
          <Empty title={t.automationTask.none}>
            <p>{t.automationTask.noneText}</p>
          </Empty>
        )}
      </section>
    )
  }
  const last = detail?.queue.at(-1)
  const active = detail ? isActive(detail.queue) : false
  return (
    <section class="page" ref={page}>
      <header class="page-head">
        <nav class="trail">
          <a href="/automation">{t.automationTask.back}</a>
        </nav>
        <h1>
          <bdi>{detail?.task.title ?? taskId}</bdi>
        </h1>
        {detail && (
          <p class="sum">
            <StatusBadge status={statusOf(detail.task, last)} t={t} />
            <span>{t.automation.types[detail.task.type] ?? detail.task.type}</span>
            <span>
              {t.automationTask.created} <Time at={detail.task.created_at} as="clock" />
            </span>
            <code class="cut">{detail.task.id}</code>
          </p>
        )}
        {detail && (
          <div class="tools">
            <button type="button" disabled={isBusy || !(active || detail.schedule?.is_active)} onClick={stop}>
              {t.automationTask.stop}
            </button>
            <button type="button" disabled={isBusy || !canRetry(detail.task, detail.queue)} onClick={retry}>
              {t.automationTask.retry}
            </button>
            <button type="button" class="danger" disabled={isBusy} onClick={() => setRemoving(true)}>
              {t.automationTask.remove}
            </button>
          </div>
        )}
      </header>
      <Outcome shell={shell} action={action} />
      {found.error && <Failure shell={shell} error={found.error} isStrip={detail !== undefined} again={found.reload} />}
      {!detail && !found.error && <Loading shell={shell} />}
      {detail && (
        <>
          {detail.task.last_error && (
            <p class="strip" data-tone="bad">
              <b>{t.automationTask.error}</b> <bdi>{detail.task.last_error}</bdi>
            </p>
          )}
          <Stages shell={shell} detail={detail} />
          <div class="columns">
            <Queue shell={shell} queue={detail.queue} />
            <Schedule shell={shell} schedule={detail.schedule} settings={detail.task.settings} />
          </div>
          <section aria-labelledby="log">
            <h2 id="log">
              {t.automationTask.log} <a href={logUrl(taskId)}>{t.automationTask.fullLog}</a>
            </h2>
            <TaskLog shell={shell} taskId={taskId} />
          </section>
        </>
      )}
      {isRemoving && detail && (
        <Confirm shell={shell} action={t.automationTask.remove} close={() => setRemoving(false)} confirm={remove}>
          {t.automationTask.removeSure(detail.task.title)}
        </Confirm>
      )}
    </section>
  )
}

function Stages({ shell, detail }: { shell: Shell; detail: TaskDetail }) {
  const t = shell.t
  const { percent, stages } = detail.progress
  const failed = stages.some((stage) => stage.status.toUpperCase() === 'FAILED')
  return (
    <section aria-labelledby="stages" class="stages">
      <h2 id="stages">
        {t.automationTask.stages}{' '}
        <Bar
          percent={percent}
          label={t.automationTask.progress}
          tone={failed ? 'bad' : percent >= 100 ? 'good' : 'busy'}
        />
      </h2>
      <ol>
        {stages.map((stage) => (
          <li key={stage.name} data-tone={toneOf(stage.status)}>
            <b>{t.automation.stages[stage.name] ?? stage.name}</b>
            <StatusBadge status={stage.status} t={t} />
            <span class="soft">{tookOf(stage)}</span>
            {stage.total ? (
              <Bar
                percent={(100 * (stage.progress ?? 0)) / stage.total}
                label={t.automation.stages[stage.name] ?? stage.name}
              />
            ) : null}
            {stage.message && (
              <span class="soft cut" title={stage.message}>
                <bdi>{stage.message}</bdi>
              </span>
            )}
          </li>
        ))}
      </ol>
    </section>
  )
}

function tookOf(stage: Stage): string {
  const start = millisecondsOf(stage.startedAt)
  if (start === null) return ''
  const end = millisecondsOf(stage.endedAt) ?? (stage.status.toUpperCase() === 'RUNNING' ? now.value : null)
  return end === null ? '' : duration(end - start)
}

function Queue({ shell, queue }: { shell: Shell; queue: QueueRow[] }) {
  const t = shell.t
  return (
    <section aria-labelledby="queue">
      <h2 id="queue">{t.automationTask.history}</h2>
      {queue.length === 0 ? (
        <p class="soft">—</p>
      ) : (
        <DataTable
          name="queue"
          rows={[...queue].reverse()}
          keyOf={(row) => row.id}
          columns={[
            { key: 'status', header: t.common.status, cell: ({ status }) => <StatusBadge status={status} t={t} /> },
            {
              key: 'stage',
              header: t.automation.stage,
              isName: true,
              class: 'plain',
              cell: (row) => <QueueItem row={row} shell={shell} />,
            },
            {
              key: 'changed',
              header: t.automation.changed,
              isNumber: true,
              class: 'soft',
              cell: (row) => <Time at={row.updated_at} as="clock" />,
            },
          ]}
        />
      )}
    </section>
  )
}

function QueueItem({ row, shell }: { row: QueueRow; shell: Shell }) {
  const t = shell.t
  return (
    <>
      {t.automation.stages[row.queue_type] ?? row.queue_type}
      {row.retry_count > 0 && <span class="soft"> {t.automationTask.attempt(row.retry_count, row.max_retry)}</span>}
      {row.error_message && (
        <span class="bad cut" title={row.error_message}>
          <bdi>{row.error_message}</bdi>
        </span>
      )}
    </>
  )
}

function Schedule({ shell, schedule, settings }: { shell: Shell; schedule: ScheduleRow | null; settings: unknown }) {
  const t = shell.t
  const rows: [string, preact.ComponentChildren][] = []
  if (schedule) {
    rows.push([
      t.automation.repeat,
      t.automation.repeats[schedule.repeat_type === 'once' ? '' : (schedule.repeat_type ?? '')] ?? schedule.repeat_type,
    ])
    if (schedule.scheduled_time)
      rows.push([t.automation.when, <Time key="at" at={schedule.scheduled_time} as="clock" />])
    rows.push([t.automationTask.nextRun, <Time key="next" at={schedule.next_run_at} as="clock" />])
    rows.push([t.common.status, schedule.is_active ? t.automationTask.active : t.automationTask.inactive])
    if (schedule.youtube_privacy)
      rows.push([t.automation.privacy, t.automation.privacies[schedule.youtube_privacy] ?? schedule.youtube_privacy])
  }
  const text = textOf(settings)
  return (
    <section aria-labelledby="schedule">
      <h2 id="schedule">{t.automationTask.schedule}</h2>
      {rows.length === 0 ? (
        <p class="soft">{t.automationTask.noSchedule}</p>
      ) : (
        <dl class="facts">
          {rows.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      {text && (
        <>
          <h3>{t.automationTask.settings}</h3>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
          <pre tabIndex={0}>{text}</pre>
        </>
      )}
    </section>
  )
}

function textOf(settings: unknown): string {
  if (settings === null || settings === undefined || settings === '') return ''
  if (typeof settings !== 'string') return JSON.stringify(settings, null, 2)
  try {
    return JSON.stringify(JSON.parse(settings), null, 2)
  } catch {
    return settings
  }
}
