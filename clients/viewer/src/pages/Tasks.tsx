import { useEffect, useRef, useState } from 'preact/hooks'
import { useResource } from '../data/resource'
import { type Task, tasksOf } from '../data/tasks'
import { duration, millisecondsOf } from '../data/times'
import { Bar } from '../parts/Bar'
import { Levels } from '../parts/Levels'
import { usePageKeys } from '../parts/row-keys'
import { Empty, Failure, Loading } from '../parts/State'
import { StatusBadge, statusText } from '../parts/StatusBadge'
import { Time } from '../parts/Time'
import { useLimit } from '../parts/use-limit'
import { useTitle } from '../parts/use-title'
import type { Shell } from '../shell/contract'
import { logUrl } from '../shell/routes'

const STATUSES = ['', 'RUNNING', 'COMPLETED', 'FAILED']
const PAGE = 50
const TYPING_MILLISECONDS = 200

/** All tasks, those with the newest lines first. */
export function Tasks({ shell, query }: { shell: Shell; query: URLSearchParams }) {
  const t = shell.t
  const page = useRef<HTMLElement | null>(null)
  const search = query.get('search') ?? ''
  const status = query.get('status') ?? ''
  const [limit, more] = useLimit(PAGE)
  const found = useResource(
    `tasks ${search} ${status} ${limit}`,
    (signal) => tasksOf({ search, status, limit }, { signal }),
    (value) => (value?.tasks.some((task) => task.status === 'RUNNING') ? 2000 : 3000),
  )
  useTitle(shell, t.tasks.title)
  usePageKeys(shell, page)
  useSpokenChanges(shell, found.value?.tasks)

  const narrow = (name: string, value: string) => {
    const next = new URLSearchParams(query)
    if (value) next.set(name, value)
    else next.delete(name)
    shell.navigate(next.size ? `/?${next}` : '/', { replace: true })
  }
  // What is being typed, until the address has it: the list that is loaded meanwhile must not take it back.
  const [typed, setTyped] = useState<string | null>(null)
  const typing = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  const tasks = found.value?.tasks
  const running = tasks?.filter((task) => task.status === 'RUNNING').length ?? 0
  return (
    <section class="page" ref={page}>
      <header class="page-head">
        <h1>{t.tasks.title}</h1>
        {tasks && (
          <p class="sum">
            {t.tasks.shown(tasks.length, found.value?.total ?? null)}
            {running > 0 && <b data-tone="busy">{t.tasks.running(running)}</b>}
          </p>
        )}
        <search class="tools">
          <fieldset class="segments">
            <legend class="heard-only">{t.common.status}</legend>
            {STATUSES.map((value) => (
              <label key={value}>
                <input type="radio" name="status" checked={status === value} onChange={() => narrow('status', value)} />
                <span>{value ? statusText(value, t) : t.common.all}</span>
              </label>
            ))}
          </fieldset>
          <input
            type="search"
            data-search
            aria-label={t.tasks.search}
            placeholder={t.tasks.searchHint}
            value={typed ?? search}
            spellcheck={false}
            autocomplete="off"
            onInput={({ currentTarget: { value } }) => {
              setTyped(value)
              clearTimeout(typing.current)
              typing.current = setTimeout(() => {
                narrow('search', value.trim())
                if (value === value.trim()) setTyped(null)
              }, TYPING_MILLISECONDS)
            }}
          />
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
        (search || status ? (
          <Empty title={t.tasks.noMatch}>
            <p>{t.tasks.noMatchText}</p>
          </Empty>
        ) : (
          <Empty title={t.tasks.none}>
            <p>{t.tasks.noneText}</p>
            <pre class="command">otto-logs run --task build-0001 -- make</pre>
          </Empty>
        ))}
      {tasks && tasks.length > 0 && <Table tasks={tasks} shell={shell} />}
      {found.value?.next && (
        <p class="actions">
          <button type="button" onClick={more}>
            {t.common.more}
          </button>
        </p>
      )}
    </section>
  )
}

function Table({ tasks, shell }: { tasks: Task[]; shell: Shell }) {
  const t = shell.t
  return (
    <table class="rows tasks">
      <thead>
        <tr>
          <th scope="col">{t.common.status}</th>
          <th scope="col">{t.tasks.task}</th>
          <th scope="col" class="number">
            {t.tasks.lines}
          </th>
          <th scope="col" class="wide">
            {t.tasks.levels}
          </th>
          <th scope="col" class="wide">
            {t.tasks.workers}
          </th>
          <th scope="col" class="number wide">
            {t.common.duration}
          </th>
          <th scope="col" class="number">
            {t.tasks.activity}
          </th>
        </tr>
      </thead>
      <tbody>
        {tasks.map((task) => (
          <tr key={task.taskId}>
            <td>
              <StatusBadge status={task.status} t={t} />
            </td>
            <th scope="row" class="name">
              <span class="beside">
                <a href={logUrl(task.taskId)} data-row title={task.taskId}>
                  <bdi>{task.taskId}</bdi>
                </a>
                {task.progress !== null && (
                  <Bar percent={task.progress} label={`${t.tasks.progress}: ${task.taskId}`} />
                )}
              </span>
            </th>
            <td class="number">{t.common.number(task.lines)}</td>
            <td class="wide">
              <Levels levels={task.levels} t={t} />
            </td>
            <td class="wide workers">
              <Workers task={task} shell={shell} />
            </td>
            <td class="number wide soft">{tookOf(task)}</td>
            <td class="number soft">
              <Time at={task.lastTimestamp} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
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

function tookOf(task: Task): string {
  const [first, last] = [millisecondsOf(task.firstTimestamp), millisecondsOf(task.lastTimestamp)]
  return first !== null && last !== null ? duration(last - first) : '—'
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
