import { useRef, useState } from 'preact/hooks'
import { type ListedTask, statusOf, TABS, type Tab, type TaskList } from '../data/automation'
import { read } from '../data/requests'
import { useResource } from '../data/resource'
import { DataTable } from '../parts/DataTable'
import { NewTaskForm } from '../parts/NewTaskForm'
import { usePageKeys } from '../parts/row-keys'
import { Empty, Failure, Loading } from '../parts/State'
import { StatusBadge } from '../parts/StatusBadge'
import { Time } from '../parts/Time'
import { useLimit } from '../parts/use-limit'
import { useTitle } from '../parts/use-title'
import type { Shell } from '../shell/contract'
import { automationUrl } from '../shell/routes'

const PAGE = 50

/** Automation tasks by the stage that they are in. */
export function Automation({ shell, query }: { shell: Shell; query: URLSearchParams }) {
  const t = shell.t
  const page = useRef<HTMLElement | null>(null)
  const [limit, more] = useLimit(PAGE)
  const [isCreating, setCreating] = useState(false)
  const tab: Tab = TABS.find((each) => each === query.get('tab')) ?? 'all'
  const found = useResource(
    `automation ${tab} ${limit}`,
    (signal) =>
      read<TaskList>(
        `/api/automation/tasks?${new URLSearchParams({ ...(tab !== 'all' && { tab }), limit: String(limit), offset: '0' })}`,
        { signal },
      ),
    () => 2500,
  )
  // Counts stay while another tab loads, so that nothing jumps.
  const counts = useRef<TaskList['counts'] | undefined>(undefined)
  counts.current = found.value?.counts ?? counts.current
  useTitle(shell, t.automation.title)
  usePageKeys(shell, page, {
    c: { label: t.automation.create, run: () => setCreating(true) },
    l: { label: t.automation.nextTab, run: () => open(TABS[(TABS.indexOf(tab) + 1) % TABS.length] as Tab) },
    h: {
      label: t.automation.previousTab,
      run: () => open(TABS[(TABS.indexOf(tab) + TABS.length - 1) % TABS.length] as Tab),
    },
  })
  const open = (next: Tab) => shell.navigate(`/automation?tab=${next}`, { replace: true })

  if (found.error?.status === 404) {
    return (
      <section class="page" ref={page}>
        <header class="page-head">
          <h1>{t.automation.title}</h1>
        </header>
        <Empty title={t.automation.off}>
          <p>{t.automation.offText}</p>
        </Empty>
      </section>
    )
  }
  return (
    <section class="page" ref={page}>
      <header class="page-head">
        <h1>{t.automation.title}</h1>
        <div class="tools">
          <button type="button" class="primary" onClick={() => setCreating(true)}>
            {t.automation.create}
          </button>
        </div>
      </header>
      <nav class="tabs" aria-label={t.automation.stage}>
        {TABS.map((each) => (
          <a key={each} href={`/automation?tab=${each}`} aria-current={each === tab ? 'page' : undefined}>
            {t.automation.tabs[each]}
            {counts.current && each !== 'all' && (
              <b data-tone={each === 'failed' && counts.current[each] ? 'bad' : undefined}>
                {t.common.number(counts.current[each] ?? 0)}
              </b>
            )}
          </a>
        ))}
      </nav>
      {found.error && (
        <Failure shell={shell} error={found.error} isStrip={found.value !== undefined} again={found.reload} />
      )}
      {!found.value && !found.error && <Loading shell={shell} rows={5} />}
      {found.value?.tasks.length === 0 && (
        <Empty title={t.automation.none}>
          <p>{tab === 'all' ? t.automation.noneAtAll : t.automation.noneText}</p>
        </Empty>
      )}
      {found.value && found.value.tasks.length > 0 && <Table shell={shell} tasks={found.value.tasks} />}
      {found.value && found.value.total > found.value.tasks.length && (
        <p class="actions">
          <button type="button" onClick={more}>
            {t.common.more}
          </button>
        </p>
      )}
      {isCreating && (
        <NewTaskForm
          shell={shell}
          close={() => setCreating(false)}
          created={(taskId) => {
            setCreating(false)
            shell.announce(t.automation.created)
            shell.navigate(automationUrl(taskId))
          }}
        />
      )}
    </section>
  )
}

function Table({ shell, tasks }: { shell: Shell; tasks: ListedTask[] }) {
  const t = shell.t
  return (
    <DataTable
      name="automation"
      rows={tasks}
      keyOf={(task) => task.id}
      columns={[
        {
          key: 'status',
          header: t.common.status,
          cell: (task) => <StatusBadge status={statusOf(task, task.queue)} t={t} />,
        },
        { key: 'task', header: t.automation.task, isName: true, class: 'plain', cell: (task) => <Title task={task} /> },
        {
          key: 'type',
          header: t.automation.type,
          isWide: true,
          class: 'soft',
          cell: (task) => t.automation.types[task.type] ?? task.type,
        },
        {
          key: 'stage',
          header: t.automation.stage,
          isWide: true,
          class: 'soft',
          cell: ({ queue }) => (queue ? (t.automation.stages[queue.queue_type] ?? queue.queue_type) : '—'),
        },
        {
          key: 'next',
          header: t.automation.next,
          isNumber: true,
          isWide: true,
          class: 'soft',
          cell: ({ schedule }) => <Time at={schedule?.is_active ? schedule.next_run_at : null} as="clock" />,
        },
        {
          key: 'changed',
          header: t.automation.changed,
          isNumber: true,
          class: 'soft',
          cell: (task) => <Time at={task.queue?.updated_at ?? task.updated_at} />,
        },
      ]}
    />
  )
}

function Title({ task }: { task: ListedTask }) {
  return (
    <>
      <a href={automationUrl(task.id)} data-row title={task.id}>
        <bdi>{task.title}</bdi>
      </a>
      {task.last_error && (
        <span class="bad cut">
          <bdi>{task.last_error}</bdi>
        </span>
      )}
    </>
  )
}
