// The list of tasks as a reader wants it: in which order, in which groups, of which time.
import type { Task } from './tasks'
import { millisecondsOf } from './times'

export interface TaskOrder {
  key: string
  isDescending: boolean
}

/** Hours that a list can be limited to, by the name in the address. */
export const RANGES: Record<string, number> = { '1h': 1, '24h': 24, '7d': 168 }

const VALUES: Record<string, (task: Task) => number | string> = {
  status: (task) => ['RUNNING', 'FAILED', 'CANCELLED', 'COMPLETED'].indexOf(task.status),
  task: (task) => task.taskId,
  lines: (task) => task.lines,
  levels: (task) => (task.levels.FATAL ?? 0) + (task.levels.ERROR ?? 0),
  duration: (task) => tookOf(task) ?? -1,
  activity: (task) => millisecondsOf(task.lastTimestamp) ?? 0,
}

/** `-lines` is the most lines first; null: as the gateway has them, the newest lines first. */
export function orderOf(text: string | null): TaskOrder | null {
  const key = (text ?? '').replace(/^-/, '')
  return Object.hasOwn(VALUES, key) ? { key, isDescending: (text ?? '').startsWith('-') } : null
}

/** What another click on a column asks for: the most first, the least first, as the gateway has them. */
export function nextOrder(order: TaskOrder | null, key: string): string {
  if (order?.key !== key) return key === 'task' || key === 'status' ? key : `-${key}`
  if (order.isDescending === (key !== 'task' && key !== 'status')) return order.isDescending ? key : `-${key}`
  return ''
}

export function sorted(tasks: readonly Task[], order: TaskOrder | null): readonly Task[] {
  const value = order && VALUES[order.key]
  if (!value) return tasks
  const sign = order.isDescending ? -1 : 1
  return [...tasks].sort((one, other) => {
    const [a, b] = [value(one), value(other)]
    return (
      sign *
      (typeof a === 'string' && typeof b === 'string'
        ? a.localeCompare(b, 'en', { numeric: true })
        : a < b
          ? -1
          : a > b
            ? 1
            : 0)
    )
  })
}

/** Tasks with a line in the last hours; `hours` undefined: all. */
export function since(tasks: readonly Task[], hours: number | undefined, now: number): readonly Task[] {
  if (hours === undefined) return tasks
  return tasks.filter(({ lastTimestamp }) => (millisecondsOf(lastTimestamp) ?? 0) >= now - hours * 3_600_000)
}

/** By what the ids have in common, or by a label; in the order of their first tasks. */
export function grouped(tasks: readonly Task[], by: string): { title: string; rows: Task[] }[] | undefined {
  if (!by) return undefined
  const groups = new Map<string, Task[]>()
  for (const task of tasks) {
    const title = by === 'prefix' ? prefixOf(task.taskId) : (task.labels?.[by.replace(/^label:/, '')] ?? '—')
    const known = groups.get(title)
    if (known) known.push(task)
    else groups.set(title, [task])
  }
  return [...groups].map(([title, rows]) => ({ title, rows }))
}

/** An id without the number that counts its runs: `web-frontend` of `web-frontend-2207`. */
export function prefixOf(taskId: string): string {
  const bare = taskId.replace(/[-_./#:](?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d[\d.]*)$/i, '')
  return bare || taskId
}

/** The labels that tasks can be grouped by. */
export function labelNames(tasks: readonly Task[]): string[] {
  return [...new Set(tasks.flatMap(({ labels }) => Object.keys(labels ?? {})))].sort().slice(0, 30)
}

export function tookOf({ firstTimestamp, lastTimestamp }: Task): number | null {
  const [first, last] = [millisecondsOf(firstTimestamp), millisecondsOf(lastTimestamp)]
  return first !== null && last !== null ? last - first : null
}
