import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { automationTitles, findTitles } from '../data/automation-titles'
import { useResource } from '../data/resource'
import { countOpenIncidents, openByTask } from '../data/task-incidents'
import { grouped, labelNames, nextOrder, orderOf, RANGES, since, sorted, tookOf } from '../data/task-order'
import { type Task, tasksOf } from '../data/tasks'
import { duration } from '../data/times'
import { usedPages } from '../data/used-pages'
import { Bar } from '../parts/Bar'
import { DataTable } from '../parts/DataTable'
import { Icon } from '../parts/icons'
import { Levels } from '../parts/Levels'
import { Menu } from '../parts/Menu'
import { Name } from '../parts/Name'
import { type Narrow, narrowing, SearchField, Segments } from '../parts/Narrowing'
import { usePageKeys } from '../parts/row-keys'
import { Empty, Failure, Loading } from '../parts/State'
import { StatusBadge, statusText } from '../parts/StatusBadge'
import { TaskActions } from '../parts/TaskActions'
import { Time } from '../parts/Time'
import { Outcome, useAction } from '../parts/use-action'
import { useLimit } from '../parts/use-limit'
import { useTitle } from '../parts/use-title'
import type { Shell } from '../shell/contract'
import { logUrl } from '../shell/routes'

const STATUSES = ['', 'RUNNING', 'COMPLETED', 'FAILED']
const PAGE = 50

/** The query of the page's address, and what changes a part of it. */
interface TaskView {
  query: URLSearchParams
  narrow: Narrow
}

/** All tasks, those with the newest lines first. */
export function Tasks({ shell, query }: { shell: Shell; query: URLSearchParams }) {
  const t = shell.t
  const page = useRef<HTMLElement | null>(null)
  const search = query.get('search') ?? ''
  const status = query.get('status') ?? ''
  const label = query.get('label') ?? ''
  const hours = RANGES[query.get('since') ?? '']
  const [limit, more] = useLimit(PAGE)
  const found = useResource(
    `tasks ${search} ${status} ${label} ${limit}`,
    (signal) => tasksOf({ search, status, label, limit }, { signal }),
    (value) => (value?.tasks.some((task) => task.status === 'RUNNING') ? 2000 : 3000),
  )
  useResource(
    'open incidents',
    (signal) => countOpenIncidents({ signal }),
    () => 5000,
  )
  useTitle(shell, t.tasks.title)
  usePageKeys(shell, page)
  useSpokenChanges(shell, found.value?.tasks)
  const used = usedPages.value
  useEffect(() => void findTitles(found.value?.tasks.map(({ taskId }) => taskId) ?? []), [found.value, used])

  const narrow = narrowing(shell, '/', query)
  const loaded = found.value?.tasks
  const tasks = loaded && sorted(since(loaded, hours, Date.now()), orderOf(query.get('sort')))
  const view = { query, narrow }
  const changes = useAction(shell, found.reload)
  const running = tasks?.filter((task) => task.status === 'RUNNING').length ?? 0
  return (
    <section class="page" ref={page}>
      <header class="page-head">
        <h1>{t.tasks.title}</h1>
        {tasks && (
          <p class="sum">
            {t.tasks.shown(tasks.length, hours === undefined ? (found.value?.total ?? null) : null)}
            {running > 0 && <b data-tone="busy">{t.tasks.running(running)}</b>}
          </p>
        )}
        <search class="tools">
          <Segments
            name="status"
            legend={t.common.status}
            values={STATUSES}
            value={status}
            text={(value) => (value ? statusText(value, t) : t.common.all)}
            narrow={narrow}
          />
          <SearchField name="search" label={t.tasks.search} hint={t.tasks.searchHint} value={search} narrow={narrow} />
          <ViewMenu tasks={loaded ?? []} view={view} shell={shell} />
        </search>
      </header>
      {found.error &&
        (tasks ? (
          <Failure shell={shell} error={found.error} isStrip again={found.reload} />
        ) : (
          <Failure shell={shell} error={found.error} again={found.reload} />
        ))}
      {!tasks && !found.error && <Loading shell={shell} />}
      {tasks?.length === 0 &&
        (search || status || label || hours ? (
          <Empty title={t.tasks.noMatch}>
            <p>{t.tasks.noMatchText}</p>
          </Empty>
        ) : (
          <Empty title={t.tasks.none}>
            <p>{t.tasks.noneText}</p>
            <pre class="command">otto-logs run --task build-0001 -- make</pre>
          </Empty>
        ))}
      <Outcome shell={shell} action={changes} />
      {tasks && tasks.length > 0 && (
        <Table
          tasks={tasks}
          view={view}
          shell={shell}
          actions={
            found.value?.mayChange ? (task) => <TaskActions task={task} changes={changes} shell={shell} /> : undefined
          }
        />
      )}
      {found.value?.next && tasks?.length === loaded?.length && (
        <p class="actions">
          <button type="button" onClick={more}>
            {t.common.more}
          </button>
        </p>
      )}
    </section>
  )
}

function Table({
  tasks,
  view,
  shell,
  actions,
}: {
  tasks: readonly Task[]
  view: TaskView
  shell: Shell
  actions: ((task: Task) => ComponentChildren) | undefined
}) {
  const t = shell.t
  const order = orderOf(view.query.get('sort'))
  return (
    <DataTable
      name="tasks"
      rows={tasks}
      groups={grouped(tasks, view.query.get('group') ?? '')}
      keyOf={(task) => task.taskId}
      order={order}
      sort={(key) => view.narrow('sort', nextOrder(order, key))}
      columns={[
        {
          key: 'status',
          header: t.common.status,
          isSortable: true,
          cell: ({ status }) => <StatusBadge status={status} t={t} />,
        },
        {
          key: 'task',
          header: t.tasks.task,
          isName: true,
          isSortable: true,
          cell: (task) => <Title task={task} shell={shell} />,
        },
        {
          key: 'lines',
          header: t.tasks.lines,
          isNumber: true,
          isSortable: true,
          cell: ({ lines }) => t.common.number(lines),
        },
        {
          key: 'levels',
          header: t.tasks.levels,
          isWide: true,
          isSortable: true,
          cell: ({ levels }) => <Levels levels={levels} t={t} />,
        },
        {
          key: 'workers',
          header: t.tasks.workers,
          isWide: true,
          class: 'workers',
          cell: (task) => <Workers task={task} shell={shell} />,
        },
        {
          key: 'duration',
          header: t.common.duration,
          isNumber: true,
          isWide: true,
          isSortable: true,
          class: 'soft',
          cell: (task) => durationOf(task),
        },
        {
          key: 'activity',
          header: t.tasks.activity,
          isNumber: true,
          isSortable: true,
          class: 'soft',
          cell: ({ lastTimestamp }) => <Time at={lastTimestamp} />,
        },
        actions && {
          key: 'actions',
          header: <span class="heard-only">{t.tasks.change}</span>,
          class: 'row-actions quiet',
          cell: actions,
        },
      ]}
    />
  )
}

function Title({ task, shell }: { task: Task; shell: Shell }) {
  const { taskId, progress, cause } = task
  const title = automationTitles.value.get(taskId)
  const open = openByTask.value.get(taskId)
  return (
    <>
      <span class="beside">
        <a href={logUrl(taskId)} data-row title={taskId}>
          {title ? <bdi>{title}</bdi> : <Name text={taskId} />}
        </a>
        {task.isPinned && (
          <span class="pinned" title={shell.t.tasks.pinned}>
            <Icon name="pin" size={12} />
            <span class="heard-only">{shell.t.tasks.pinned}</span>
          </span>
        )}
        {open && <IncidentCount shell={shell} taskId={taskId} open={open} />}
        {progress !== null && <Bar percent={progress} label={`${shell.t.tasks.progress}: ${taskId}`} />}
      </span>
      {cause && (
        <span class="bad cut cause" title={cause}>
          <bdi>{cause}</bdi>
        </span>
      )}
    </>
  )
}

function IncidentCount({ shell, taskId, open }: { shell: Shell; taskId: string; open: number }) {
  const text = shell.t.alerts.badge(open)
  const url = `/alerts?${new URLSearchParams({ state: 'open', task: taskId })}`
  return (
    <a class="incident-count" href={url} title={text}>
      <Icon name="bell" size={12} />
      <span aria-hidden="true">{shell.t.common.number(open)}</span>
      <span class="heard-only">{text}</span>
    </a>
  )
}

/** What the list shows of the tasks: a time, groups, a label. */
function ViewMenu({ tasks, view, shell }: { tasks: readonly Task[]; view: TaskView; shell: Shell }) {
  const t = shell.t.tasks
  const groups: [string, string][] = [
    ['', t.noGroups],
    ['prefix', t.byPrefix],
    ...labelNames(tasks).map((name): [string, string] => [`label:${name}`, t.byLabel(name)]),
  ]
  return (
    <Menu label={shell.t.log.view} icon="view">
      <Field name={t.group} values={groups} view={view} parameter="group" />
      <Field name={t.time} values={Object.entries(t.ranges)} view={view} parameter="since" />
      <label class="menu-field">
        <span>{t.label}</span>
        <input
          value={view.query.get('label') ?? ''}
          placeholder="branch=main"
          spellcheck={false}
          autocomplete="off"
          onChange={(event) => view.narrow('label', event.currentTarget.value.trim())}
        />
      </label>
    </Menu>
  )
}

function Field({
  name,
  values,
  view,
  parameter,
}: {
  name: string
  values: readonly (readonly [string, string])[]
  view: TaskView
  parameter: string
}) {
  return (
    <label class="menu-field">
      <span>{name}</span>
      <select
        aria-label={name}
        value={view.query.get(parameter) ?? ''}
        onChange={(event) => view.narrow(parameter, event.currentTarget.value)}
      >
        {values.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  )
}

function Workers({ task, shell }: { task: Task; shell: Shell }) {
  const shown = task.workers.slice(0, 2)
  const rest = task.workerCount - shown.length
  return (
    <span title={task.workers.join(', ')}>
      {shown.join(', ')}
      {rest > 0 && ` +${shell.t.common.number(rest)}`}
    </span>
  )
}

function durationOf(task: Task): string {
  const took = tookOf(task)
  return took === null ? '—' : duration(took)
}

// Says which tasks ended, and nothing of lines: a list that changes every second must not be read out.
function useSpokenChanges(shell: Shell, tasks: Task[] | undefined) {
  const before = useRef(new Map<string, string>())
  useEffect(() => {
    if (!tasks) return
    for (const task of tasks) {
      const was = before.current.get(task.taskId)
      if (was === 'RUNNING' && was !== task.status)
        shell.announce(shell.t.tasks.changed(task.taskId, statusText(task.status, shell.t)))
    }
    before.current = new Map(tasks.map((task) => [task.taskId, task.status]))
  }, [tasks])
}
