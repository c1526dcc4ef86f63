import { severityTone } from '../data/alerts'
import { Icon } from '../parts/icons'
import type { Shell } from '../shell/contract'
import { incidentUrl } from '../shell/routes'
import type { LogController } from './log-controller'

/** How many open incidents the task has, and the way there. */
export function IncidentsLink({ log, taskId, shell }: { log: LogController; taskId: string; shell: Shell }) {
  const { open } = log.incidents
  const [first] = open
  if (!first) return null
  const isBad = open.some(({ severity }) => severityTone(severity) === 'bad')
  const url =
    open.length > 1 ? `/alerts?${new URLSearchParams({ state: 'open', task: taskId })}` : incidentUrl(first.incident.id)
  return (
    <a class="log-incidents status is-pill" data-tone={isBad ? 'bad' : 'warn'} href={url}>
      <Icon name="bell" size={12} />
      {shell.t.alerts.badge(open.length)}
    </a>
  )
}

/** The incidents of the line of which all is shown. */
export function LineIncidents({ log, sequence }: { log: LogController; sequence: number }) {
  const found = log.incidents.at(sequence)
  return (
    <>
      {found.map(({ incident }) => (
        <a key={incident.id} href={incidentUrl(incident.id)}>
          {log.shell.t.alerts.lineMark(incident.rule)}
        </a>
      ))}
    </>
  )
}
