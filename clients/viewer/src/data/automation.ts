// Automation tasks as the gateway tells them; rows are those of its tables.

/** The first one is every task, also those that a stop took out of all queues; the gateway counts the others. */
export const TABS = ['all', 'scheduled', 'script', 'image', 'video', 'youtube', 'failed', 'completed'] as const
export type Tab = (typeof TABS)[number]

export interface TaskRow {
  id: string
  title: string
  type: string
  user_id?: string | null
  product_info?: unknown
  settings?: unknown
  youtube_url?: string | null
  last_error?: string | null
  created_at: string
  updated_at: string
}

export interface QueueRow {
  id: number
  queue_type: string
  status: string
  retry_count: number
  max_retry: number
  next_retry_at?: string | null
  error_message?: string | null
  created_at: string
  updated_at: string
  completed_at?: string | null
}

export interface ScheduleRow {
  scheduled_time?: string | null
  repeat_type?: string | null
  repeat_config?: unknown
  next_run_at?: string | null
  is_active?: number | boolean
  youtube_privacy?: string | null
  youtube_publish_time?: string | null
}

export interface ListedTask extends TaskRow {
  queue: QueueRow | null
  schedule: ScheduleRow | null
}

export interface TaskList {
  tasks: ListedTask[]
  counts: Record<Exclude<Tab, 'all'>, number>
  total: number
}

export interface Stage {
  name: string
  status: string
  progress?: number | null
  total?: number | null
  startedAt?: string | null
  endedAt?: string | null
  message?: string | null
}

export interface TaskDetail {
  task: TaskRow
  schedule: ScheduleRow | null
  queue: QueueRow[]
  content: {
    id: string
    title?: string | null
    status?: string | null
    video_path?: string | null
    youtube_url?: string | null
  } | null
  progress: { percent: number; stages: Stage[] }
}

export interface TaskLogRow {
  id: number
  level: string
  message: string
  action_type: string | null
  queue_type: string | null
  created_at: string
}

export interface NewTask {
  title: string
  type: string
  settings?: Record<string, unknown>
  schedule?: Record<string, unknown>
}

/** What the form says, as the gateway takes it; the name of the field that is wrong where it takes it not. */
export function newTaskOf(form: {
  title: string
  type: string
  mediaMode: string
  settings: string
  when: string
  repeat: string
  timezone: string
  privacy: string
}): { task: NewTask } | { wrong: 'title' | 'settings' | 'when' } {
  const title = form.title.trim()
  if (!title) return { wrong: 'title' }
  let settings: Record<string, unknown> = {}
  if (form.settings.trim()) {
    try {
      const parsed = JSON.parse(form.settings)
      if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return { wrong: 'settings' }
      settings = parsed
    } catch {
      return { wrong: 'settings' }
    }
  }
  if (form.mediaMode) settings = { ...settings, mediaMode: form.mediaMode }
  const task: NewTask = { title, type: form.type }
  if (Object.keys(settings).length) task.settings = settings
  if (form.repeat && !form.when) return { wrong: 'when' }
  if (form.when) {
    const at = new Date(form.when)
    if (Number.isNaN(at.getTime())) return { wrong: 'when' }
    task.schedule = { scheduled_time: at.toISOString(), repeat_type: form.repeat || 'once', timezone: form.timezone }
    if (form.privacy) task.schedule.youtube_privacy = form.privacy
  }
  return { task }
}

/** The status of a task: that of its newest item, unless it ended with an error that the item does not know. */
export function statusOf(task: TaskRow, newest: QueueRow | null | undefined): string {
  const isOpen = newest?.status === 'waiting' || newest?.status === 'processing'
  return task.last_error && !isOpen ? 'failed' : (newest?.status ?? 'pending')
}

/** Whether the gateway would try a task again: its last stage failed, or was stopped before it began. */
export function canRetry(task: TaskRow, queue: readonly QueueRow[]): boolean {
  const last = queue.findLast((row) => !(row.queue_type === 'schedule' && row.status === 'waiting'))
  return last?.status === 'failed' || (Boolean(task.last_error) && !isActive(queue))
}

/** Whether something of a task still waits or runs. */
export function isActive(queue: readonly QueueRow[]): boolean {
  return queue.some((row) => row.status === 'waiting' || row.status === 'processing')
}
