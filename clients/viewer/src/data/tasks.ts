// The list of tasks.
import { change, type ReadOptions, RequestError, read } from './requests'

export const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const
export type Level = (typeof LEVELS)[number]

interface StoredTask {
  taskId: string
  status: string
  lines: number
  firstTimestamp: string | null
  lastTimestamp: string | null
  levels: Partial<Record<Level, number>>
  workers: string[]
  workerCount: number
  labels?: Record<string, string>
  /** Why it failed, in one line; where that is known. */
  cause?: string
  /** Whether it is kept whatever the gateway removes. */
  isPinned?: boolean
}

export interface Task extends StoredTask {
  /** Per cent of its stages; null where none were reported. */
  progress: number | null
}

interface StoredPage {
  tasks: StoredTask[]
  next: string | null
  total: number | null
  /** Whether the reader may delete and pin. */
  mayChange?: boolean
}

export interface TaskPage extends StoredPage {
  tasks: Task[]
}

const PATH = '/api/v1/log-streaming'

export interface TaskQuery {
  search: string
  status: string
  /** `name=value`; '': any. */
  label?: string
  limit: number
}

const taskPath = (taskId: string) => `/api/v1/tasks/${encodeURIComponent(taskId)}`

export function deleteTask(taskId: string): Promise<{ lines: number }> {
  return change('DELETE', taskPath(taskId))
}

/** Keep a task, or leave it to the gateway's retention again. */
export function pinTask(taskId: string, isPinned: boolean): Promise<unknown> {
  return change(isPinned ? 'POST' : 'DELETE', `${taskPath(taskId)}/pin`)
}

const PROGRESS_TASKS_MAX = 8
const OVER = ['COMPLETED', 'SKIPPED', 'FAILED', 'CANCELLED']

interface StageState {
  status: string
  progressPercentage?: number
}

/** How far stages are together, in whole per cent; null: there are none. */
export function percentOf(stages: readonly StageState[]): number | null {
  if (!stages.length) return null
  const done = stages.map((stage) =>
    OVER.includes(stage.status.replace(/^STAGE_/, '')) ? 100 : (stage.progressPercentage ?? 0),
  )
  return Math.floor(done.reduce((sum, each) => sum + each, 0) / stages.length)
}

/** Tasks with the newest activity first; the first of those that run, with their progress. */
export async function tasksOf(query: TaskQuery, options: ReadOptions = {}): Promise<TaskPage> {
  const page = await pageOf(query, options)
  const running = page.tasks.filter((task) => task.status === 'RUNNING').slice(0, PROGRESS_TASKS_MAX)
  await Promise.all(
    running.map(async (task) => {
      const path = `${PATH}/pipelines/${encodeURIComponent(task.taskId)}/stages`
      try {
        task.progress = percentOf((await read<{ stages: StageState[] }>(path, { ...options, isOptional: true })).stages)
      } catch (error) {
        // The list is worth showing without it; a token may cover the task and not the pipeline.
        if (!(error instanceof RequestError)) throw error
      }
    }),
  )
  return page
}

async function pageOf({ search, status, label, limit }: TaskQuery, options: ReadOptions): Promise<TaskPage> {
  const parameters = new URLSearchParams({ limit: String(Math.min(limit, 200)) })
  if (search) parameters.set('search', search)
  if (status) parameters.set('status', status)
  if (label) parameters.set('label', label)
  const tasks: Task[] = []
  for (;;) {
    const page = await read<StoredPage>(`${PATH}/tasks?${parameters}`, options)
    tasks.push(...page.tasks.map((task) => ({ ...task, progress: null })))
    if (!page.next || tasks.length >= limit) return { ...page, tasks }
    parameters.set('cursor', page.next)
  }
}
