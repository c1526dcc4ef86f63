import { useEffect, useRef } from 'preact/hooks'
import type { RuleList } from '../../data/alert-rules'
import {
  ALERTS,
  INCIDENT_STATES,
  type Incident,
  incidentsOf,
  stateOf,
  tasksOfIncident,
  titleOf,
} from '../../data/alerts'
import { read } from '../../data/requests'
import { useResource } from '../../data/resource'
import { DataTable } from '../../parts/DataTable'
import { type Narrow, narrowing, SearchField, Segments } from '../../parts/Narrowing'
import { usePageKeys } from '../../parts/row-keys'
import { Empty } from '../../parts/State'
import { Time } from '../../parts/Time'
import { useLimit } from '../../parts/use-limit'
import { useTitle } from '../../parts/use-title'
import type { Shell } from '../../shell/contract'
import { incidentUrl, logUrl } from '../../shell/routes'
import { Frame, useIncidentUpdates } from './Frame'
import { IncidentBadge } from './IncidentBadge'

const PAGE = 50

/** Incidents: those that are open, then the history. */
export function Incidents({ shell, query }: { shell: Shell; query: URLSearchParams }) {
  const t = shell.t.alerts
  const page = useRef<HTMLElement | null>(null)
  const [limit, more] = useLimit(PAGE)
  const state = INCIDENT_STATES.find((each) => each === query.get('state')) ?? ''
  const rule = query.get('rule') ?? ''
  const task = query.get('task') ?? ''
  const found = useResource(
    `incidents ${state} ${rule} ${task} ${limit}`,
    (signal) => incidentsOf({ state, rule, task, limit }, signal),
    () => 5000,
  )
  const rules = useResource('alert rules', (signal) => read<RuleList>(`${ALERTS}/rules`, { signal, isOptional: true }))
    .value?.rules
  useIncidentUpdates(shell, found)
  useTitle(shell, t.title)
  usePageKeys(shell, page)
  useSpokenIncidents(shell, found.value?.incidents)
  const narrow = narrowing(shell, '/alerts', query)
  const incidents = found.value?.incidents ?? []
  const open = incidents.filter((incident) => incident.isOpen)
  const isNarrowed = state || rule || task
  return (
    <Frame
      shell={shell}
      part="incidents"
      page={page}
      found={found}
      head={
        <>
          {open.length > 0 && (
            <p class="sum">
              <b data-tone="bad">{t.openCount(open.length)}</b>
            </p>
          )}
          <Tools shell={shell} state={state} rule={rule} task={task} rules={rules} narrow={narrow} />
        </>
      }
    >
      {incidents.length === 0 ? (
        <Empty title={isNarrowed ? t.noMatch : t.none}>
          <p>{isNarrowed ? t.noMatchText : t.noneText}</p>
        </Empty>
      ) : (
        <Table shell={shell} incidents={incidents} rules={rules} />
      )}
      {found.value?.hasMore && (
        <p class="actions">
          <button type="button" onClick={more}>
            {shell.t.common.more}
          </button>
        </p>
      )}
    </Frame>
  )
}

function Tools({
  shell,
  state,
  rule,
  task,
  rules = [],
  narrow,
}: {
  shell: Shell
  state: string
  rule: string
  task: string
  rules: RuleList['rules'] | undefined
  narrow: Narrow
}) {
  const t = shell.t.alerts
  const names = [...new Set([...rules.map(({ name }) => name), ...(rule ? [rule] : [])])]
  return (
    <search class="tools">
      <Segments
        name="state"
        legend={t.state}
        values={['', ...INCIDENT_STATES] as const}
        value={state}
        text={(value) => (value ? t.states[value] : shell.t.common.all)}
        narrow={narrow}
      />
      <select
        class="alerts-rule"
        aria-label={t.rule}
        value={rule}
        onChange={(event) => narrow('rule', event.currentTarget.value)}
      >
        <option value="">{t.anyRule}</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      <SearchField name="task" label={t.findTask} hint={t.taskHint} value={task} narrow={narrow} />
    </search>
  )
}

function Table({
  shell,
  incidents,
  rules,
}: {
  shell: Shell
  incidents: readonly Incident[]
  rules: RuleList['rules'] | undefined
}) {
  const t = shell.t.alerts
  const severities = new Map(rules?.map(({ name, severity }) => [name, severity]))
  const parts = [
    { title: t.openOnes, rows: incidents.filter(({ isOpen }) => isOpen) },
    { title: t.history, rows: incidents.filter(({ isOpen }) => !isOpen) },
  ].filter(({ rows }) => rows.length)
  return (
    <DataTable
      name="incidents"
      rows={incidents}
      groups={parts}
      keyOf={({ id }) => id}
      columns={[
        {
          key: 'state',
          header: t.state,
          cell: (incident) => (
            <IncidentBadge shell={shell} incident={incident} severity={severities.get(incident.rule)} />
          ),
        },
        {
          key: 'incident',
          header: t.incident,
          isName: true,
          class: 'plain',
          cell: (incident) => <Title incident={incident} />,
        },
        {
          key: 'task',
          header: t.task,
          class: 'task',
          cell: (incident) => <TaskLink shell={shell} incident={incident} />,
        },
        { key: 'lines', header: t.lines, isNumber: true, cell: ({ count }) => shell.t.common.number(count) },
        {
          key: 'first',
          header: t.first,
          isNumber: true,
          isWide: true,
          class: 'soft',
          cell: ({ firstAt }) => <Time at={firstAt} as="clock" />,
        },
        { key: 'last', header: t.last, isNumber: true, class: 'soft', cell: ({ lastAt }) => <Time at={lastAt} /> },
      ]}
    />
  )
}

function Title({ incident }: { incident: Incident }) {
  const title = titleOf(incident)
  return (
    <>
      <a href={incidentUrl(incident.id)} data-row>
        <bdi>{incident.rule}</bdi>
      </a>
      {title && (
        <code class="soft cut" title={title}>
          <bdi>{title}</bdi>
        </code>
      )}
    </>
  )
}

function TaskLink({ shell, incident }: { shell: Shell; incident: Incident }) {
  const tasks = tasksOfIncident(incident)
  const [task] = tasks
  if (!task || tasks.length > 1) return <span class="soft">{shell.t.alerts.allTasks}</span>
  return (
    <a href={logUrl(task)} title={task}>
      <bdi>{task}</bdi>
    </a>
  )
}

// Says what was opened since the page is there, and nothing of counts that grow.
function useSpokenIncidents(shell: Shell, incidents: Incident[] | undefined) {
  const known = useRef<Set<number> | null>(null)
  useEffect(() => {
    if (!incidents) return
    const isNews = ({ id }: Incident) => known.current !== null && !known.current.has(id)
    const news = incidents.find((incident) => stateOf(incident, Date.now()) === 'open' && isNews(incident))
    if (news) shell.announce(shell.t.alerts.opened(news.rule, news.key === '*' ? shell.t.alerts.allTasks : news.key))
    known.current = new Set(incidents.map(({ id }) => id))
  }, [incidents])
}
