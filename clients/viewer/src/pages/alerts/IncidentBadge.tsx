import { type Incident, severityTone, stateOf } from '../../data/alerts'
import { Icon } from '../../parts/icons'
import { now } from '../../parts/Time'
import type { Shell } from '../../shell/contract'

const ICONS = { open: 'bell', muted: 'muted', resolved: 'good' } as const

/** How an incident is: a form, a word, and, while it is open, the colour of its severity. */
export function IncidentBadge({
  shell,
  incident,
  severity = 'warning',
  isPill = false,
}: {
  shell: Shell
  incident: Incident
  severity?: string | undefined
  isPill?: boolean
}) {
  const state = stateOf(incident, now.value)
  const tone = state === 'open' ? severityTone(severity) : state === 'muted' ? 'idle' : 'good'
  return (
    <span class={`status${isPill ? ' is-pill' : ''}`} data-tone={tone} data-status={state}>
      <Icon name={ICONS[state]} size={isPill ? 12 : 14} />
      <span class="status-word">{shell.t.alerts.states[state]}</span>
    </span>
  )
}
