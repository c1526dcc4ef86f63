// Incidents by task, for lists of tasks and marks in a log; nothing is asked for where the gateway has no alerts.
import { signal } from '@preact/signals'
import { ALERTS, type Incident } from './alerts'
import { read } from './requests'
import { isUsed } from './used-pages'

export interface TaskIncident {
  incident: Incident
  severity: string
  /** Lines of the task. */
  count: number
  /** The first 200 of them. */
  marks: { sequence: number; timestamp: string }[]
}

/** How many open incidents tasks have. */
export const openByTask = signal<ReadonlyMap<string, number>>(new Map())

/** Looks again. */
export async function countOpenIncidents(options: { signal: AbortSignal }): Promise<null> {
  if (!(await isUsed('alerts'))) return null
  const { tasks } = await read<{ tasks: { taskId: string; open: number }[] }>(`${ALERTS}/tasks?limit=1000`, {
    ...options,
    isOptional: true,
  })
  openByTask.value = new Map(tasks.map(({ taskId, open }) => [taskId, open]))
  return null
}

/** The incidents of a task, the newest first. */
export async function incidentsOfTask(taskId: string, signal: AbortSignal): Promise<TaskIncident[]> {
  if (!(await isUsed('alerts'))) return []
  const path = `${ALERTS}/tasks/${encodeURIComponent(taskId)}/incidents`
  return (await read<{ incidents: TaskIncident[] }>(path, { signal, isOptional: true })).incidents
}
