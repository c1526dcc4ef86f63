// Which page an address means. Pure: the router gives it what the browser shows.

export type Route =
  | { page: 'tasks' }
  | { page: 'log'; taskId: string }
  | { page: 'pipeline'; pipelineId: string }
  | { page: 'executions' }
  | { page: 'execution'; executionId: string }
  | { page: 'automation' }
  | { page: 'automationTask'; taskId: string }
  | { page: 'batchJobs' }
  | { page: 'alerts' }
  | { page: 'incident'; incidentId: string }
  | { page: 'alertRules' }
  | { page: 'alertRule'; name: string }
  | { page: 'newAlertRule' }
  | { page: 'alertTargets' }
  | { page: 'maintenance' }
  | { page: 'search' }
  | { page: 'missing' }

/** The page of a path and query; `redirect` is the address it should have, where the one given is an old form. */
export function routeOf(path: string, query: URLSearchParams): { route: Route; redirect?: string } {
  const old = path === '/' ? query.get('task') : null
  if (old) {
    const rest = new URLSearchParams(query)
    rest.delete('task')
    return { route: { page: 'log', taskId: old }, redirect: logUrl(old, rest) }
  }
  const pipeline = path === '/' ? query.get('pipeline') : null
  if (pipeline) return { route: { page: 'pipeline', pipelineId: pipeline } }
  const [first = '', second, ...more] = path.slice(1).replace(/\/$/, '').split('/')
  const name = second === undefined ? undefined : decoded(second)
  if (first === 'alerts') return { route: alertPageOf(second, more) }
  if (more.length || name === null || name === '') return { route: { page: 'missing' } }
  if (first === '' && name === undefined) return { route: { page: 'tasks' } }
  if (first === 'logs' && name !== undefined) return { route: { page: 'log', taskId: name } }
  if (first === 'executions') {
    return { route: name === undefined ? { page: 'executions' } : { page: 'execution', executionId: name } }
  }
  if (first === 'automation') {
    return { route: name === undefined ? { page: 'automation' } : { page: 'automationTask', taskId: name } }
  }
  if (first === 'batch-jobs' && name === undefined) return { route: { page: 'batchJobs' } }
  if (first === 'search' && name === undefined) return { route: { page: 'search' } }
  return { route: { page: 'missing' } }
}

const ALERT_PAGES: Record<string, Route> = {
  '': { page: 'alerts' },
  rules: { page: 'alertRules' },
  'new-rule': { page: 'newAlertRule' },
  targets: { page: 'alertTargets' },
  maintenance: { page: 'maintenance' },
}

function alertPageOf(second = '', more: readonly string[]): Route {
  const page = ALERT_PAGES[second]
  if (page && !more.length) return page
  const name = decoded(more[0] ?? '')
  if (!name || more.length > 1) return { page: 'missing' }
  if (second === 'incidents') return { page: 'incident', incidentId: name }
  return second === 'rules' ? { page: 'alertRule', name } : { page: 'missing' }
}

/** The address of a task's log. */
export function logUrl(taskId: string, query?: URLSearchParams): string {
  return `/logs/${encodeURIComponent(taskId)}${query?.size ? `?${query}` : ''}`
}

/** The address of an execution. */
export function executionUrl(executionId: string): string {
  return `/executions/${encodeURIComponent(executionId)}`
}

/** The address of an automation task. */
export function automationUrl(taskId: string): string {
  return `/automation/${encodeURIComponent(taskId)}`
}

/** The address of an incident. */
export function incidentUrl(id: number | string): string {
  return `/alerts/incidents/${encodeURIComponent(id)}`
}

/** The address of a rule of alerts. */
export function alertRuleUrl(name: string): string {
  return `/alerts/rules/${encodeURIComponent(name)}`
}

function decoded(segment: string): string | null {
  try {
    return decodeURIComponent(segment)
  } catch {
    return null
  }
}
