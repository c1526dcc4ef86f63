// The list of tasks: from the history where the gateway has it, else what it saw since it was started.
import { type ReadOptions, RequestError, read } from './requests'

export const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const
export type Level = (typeof LEVELS)[number]

export interface Task {
  taskId: string
  status: string
  lines: number
  firstTimestamp: string | null
  lastTimestamp: string | null
  /** Counts by level; null where the gateway has none. */
  levels: Partial<Record<Level, number>> | null
  workers: string[]
  workerCount: number | null
  bytes: number | null
  /** Per cent of its stages; null where none were reported. */
  progress: number | null
}

export interface TaskPage {
  tasks: Task[]
  next: string | null
  total: number | null
  /** False: from memory, since the gateway's start. */
  isStored: boolean
}

interface StoredTask {
  taskId: string
  status: string
  lines: number
  firstTimestamp?: string | null
  lastTimestamp?: string | null
  levels?: Partial<Record<Level, number>>
  workers?: string[]
  workerCount?: number
  bytes?: number
}

interface RecentTask {
  taskId: string
  status: string
  lastSequence: number
  updatedAt: string
}

const PATH = '/api/v1/log-streaming'
let hasHistory: boolean | undefined

export interface TaskQuery {
  search: string
  status: string
  limit: number
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

async function pageOf(query: TaskQuery, options: ReadOptions = {}): Promise<TaskPage> {
  if (hasHistory !== false) {
    try {
      return await storedTasks(query, options)
    } catch (error) {
      if (!(error instanceof RequestError) || error.status !== 404) throw error
      hasHistory = false
    }
  }
  const { tasks } = await read<{ tasks: RecentTask[] }>(`${PATH}/recent-tasks`, options)
  const found = tasks.map(fromRecent).filter((task) => isWanted(task, query))
  return { tasks: found.slice(0, query.limit), next: null, total: found.length, isStored: false }
}

async function storedTasks({ search, status, limit }: TaskQuery, options: ReadOptions): Promise<TaskPage> {
  const parameters = new URLSearchParams({ limit: String(Math.min(limit, 200)) })
  if (search) parameters.set('search', search)
  if (status) parameters.set('status', status)
  const tasks: Task[] = []
  for (;;) {
    const page = await read<{ tasks: StoredTask[]; next: string | null; total: number | null }>(
      `${PATH}/tasks?${parameters}`,
      options,
    )
    tasks.push(...page.tasks.map(fromStored))
    if (!page.next || tasks.length >= limit)
      return { tasks, next: page.next ?? null, total: page.total ?? null, isStored: true }
    parameters.set('cursor', page.next)
  }
}

function fromStored(task: StoredTask): Task {
  return {
    taskId: task.taskId,
    status: task.status,
    lines: task.lines,
    firstTimestamp: task.firstTimestamp ?? null,
    lastTimestamp: task.lastTimestamp ?? null,
    levels: task.levels ?? null,
    workers: task.workers ?? [],
    workerCount: task.workerCount ?? null,
    bytes: task.bytes ?? null,
    progress: null,
  }
}

function fromRecent(task: RecentTask): Task {
  return {
    taskId: task.taskId,
    status: task.status,
    lines: task.lastSequence,
    firstTimestamp: null,
    lastTimestamp: task.updatedAt,
    levels: null,
    workers: [],
    workerCount: null,
    bytes: null,
    progress: null,
  }
}

function isWanted(task: Task, { search, status }: TaskQuery): boolean {
  return task.taskId.toLowerCase().includes(search.toLowerCase()) && (!status || task.status === status)
}
