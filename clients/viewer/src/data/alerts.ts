// Alerts as the gateway reports them: incidents and what was done about them.
import { type ReadOptions, type RequestError, read } from './requests'

export const ALERTS = '/api/v1/alerts'

export interface AlertLine {
  taskId: string
  /** 0: it is no line of a log, but what was noticed about a task. */
  sequence: number
  workerId: string
  level: string
  message: string
}

export interface Incident {
  id: number
  rule: string
  /** The task or its runs; `*`: of all tasks. */
  key: string
  template: string
  count: number
  isOpen: boolean
  openedAt: string
  firstAt: string
  lastAt: string
  resolvedAt: string | null
  resolution: string | null
  resolvedBy: string
  mutedUntil: string | null
  mutedBy: string
  notifications: number
  lines: AlertLine[]
}

export interface Notification {
  outcome: 'delivered' | 'waiting' | 'given_up' | 'gathered' | (string & {})
  at: string
  target: string
  notice: string
  attempts?: number | null
  error?: string
}

interface IncidentPage {
  incidents: Incident[]
  next: string | null
}

export const INCIDENT_STATES = ['open', 'resolved'] as const
export type IncidentState = 'open' | 'muted' | 'resolved'

export interface IncidentQuery {
  state: '' | (typeof INCIDENT_STATES)[number]
  rule: string
  /** In the names of tasks; '': any. */
  task: string
  limit: number
}

const PAGE_MAX = 200

/** Incidents, open ones first, then the newest first; `hasMore`: there may be older ones. */
export async function incidentsOf(
  { state, rule, task, limit }: IncidentQuery,
  signal: AbortSignal,
): Promise<{ incidents: Incident[]; hasMore: boolean }> {
  const states = state ? [state] : INCIDENT_STATES
  const lists = await Promise.all(states.map((each) => pagesOf(each, rule, task, limit, { signal })))
  return {
    incidents: lists.flatMap(({ incidents }) => incidents),
    hasMore: lists.some(({ hasMore }) => hasMore),
  }
}

async function pagesOf(state: string, rule: string, task: string, limit: number, options: ReadOptions) {
  const parameters = new URLSearchParams({ state, limit: String(Math.min(limit, PAGE_MAX)) })
  if (rule) parameters.set('rule', rule)
  if (task) parameters.set('task', task)
  const incidents: Incident[] = []
  for (;;) {
    const page = await read<IncidentPage>(`${ALERTS}/incidents?${parameters}`, options)
    incidents.push(...page.incidents)
    if (!page.next || incidents.length >= limit)
      return { incidents: incidents.slice(0, limit), hasMore: page.next !== null || incidents.length > limit }
    parameters.set('cursor', page.next)
  }
}

/** One incident; null: there is none. */
export async function incidentOf(id: string, signal: AbortSignal): Promise<Incident | null> {
  const page = await read<IncidentPage>(`${ALERTS}/incidents?id=${encodeURIComponent(id)}`, { signal })
  return page.incidents[0] ?? null
}

export function stateOf({ isOpen, mutedUntil }: Incident, now: number): IncidentState {
  if (!isOpen) return 'resolved'
  return mutedUntil && Date.parse(mutedUntil) > now ? 'muted' : 'open'
}

/** Tasks that an incident has lines of, as far as they are known. */
export function tasksOfIncident({ key, lines }: Incident): string[] {
  const names = lines.map(({ taskId }) => taskId)
  return [...new Set(names.length || key === '*' ? names : [key])]
}

/** The line that an incident is named by: what its lines have in common, or what was noticed. */
export function titleOf({ template, lines }: Incident): string {
  const isWord = /^[a-z_]*$/.test(template) // of a condition that is not about lines
  return (isWord ? lines[0]?.message : template) || template
}

/** Whether the gateway was started without alerts. */
export function isOff(error: RequestError | undefined): boolean {
  return error?.status === 404 || (error?.status === 503 && error.message.includes('ALERT_RULES'))
}

/** The colour of a severity; words that are not known are as a warning. */
export function severityTone(severity: string): 'bad' | 'warn' | 'idle' {
  const name = severity.toLowerCase()
  if (['critical', 'error', 'fatal', 'page', 'high'].includes(name)) return 'bad'
  return ['info', 'low', 'notice'].includes(name) ? 'idle' : 'warn'
}

/** Minutes for which an incident can be muted. */
export const MUTE_MINUTES = [15, 60, 240, 1440, 10_080] as const

/** Lines of one task that are shown together: those of an incident, and what stands around them. */
export interface Excerpt {
  taskId: string
  from: number
  to: number
  lines: AlertLine[]
}

/** The lines of an incident with `context` lines around each; what overlaps is one. */
export function excerptsOf(lines: readonly AlertLine[], context: number): Excerpt[] {
  const excerpts: Excerpt[] = []
  const sorted = lines.toSorted((a, b) => a.taskId.localeCompare(b.taskId) || a.sequence - b.sequence)
  for (const line of sorted) {
    const [from, to] = line.sequence ? [Math.max(1, line.sequence - context), line.sequence + context] : [0, 0]
    const last = excerpts[excerpts.length - 1]
    if (last && from > 0 && last.taskId === line.taskId && last.to > 0 && from <= last.to + 1) {
      last.to = to
      last.lines.push(line)
    } else excerpts.push({ taskId: line.taskId, from, to, lines: [line] })
  }
  return excerpts
}
