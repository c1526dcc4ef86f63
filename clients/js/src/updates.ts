/** What changes in execution records, batch jobs, incidents and the list of tasks, from now on. There is no way back: a page asks anew after `open`. */
import { endpoint } from './address.ts'
import type { Ending } from './errors.ts'
import { type Attempt, Reconnecting } from './reconnecting.ts'
import { listen, type ServerEvent } from './sse.ts'
import type { ConnectionOptions, Stream, StreamEvents } from './types.ts'

/** Node executions and scripts: what a list of them has to read again. */
export interface LogsUpdated {
  type: 'workflowExecutionCompleted' | 'workflowExecutionFailed' | 'allScriptsExecutionCompleted' | (string & {})
  scriptId?: string
  scriptName?: string
  executionId?: string
}

/** How far a batch job is. */
export interface JobProgress {
  jobId: string
  status: 'pending' | 'processing' | 'completed' | 'failed' | (string & {})
  /** Keywords that are done, and all of them. */
  progress: { current: number; total: number }
  error?: string
  /** When it is tried again, in milliseconds since 1970. */
  retryAt?: number
}

/** An incident of an alert rule has been opened, counted on, muted or resolved. */
export interface IncidentUpdated {
  incidentId: number
  rule: string
  severity: string
  /** The task or its runs; `*`: all tasks. */
  key: string
  /** Of the newest line; null: it is of all tasks. */
  taskId: string | null
  /** Its lines. */
  count: number
  isOpen: boolean
  isMuted: boolean
}

export interface UpdateEvents extends StreamEvents {
  logsUpdated: LogsUpdated
  progress: JobProgress
  taskChanged: { type: 'deleted' | 'pinned' | 'unpinned' | (string & {}); taskId: string }
  incident: IncidentUpdated
}

export type UpdateStream = Stream<UpdateEvents>

/** Listen to updates, always over Server-Sent Events. */
export function openUpdates(options: ConnectionOptions): UpdateStream {
  return new Updates(options)
}

class Updates extends Reconnecting<UpdateEvents> implements UpdateStream {
  #options: ConnectionOptions

  constructor(options: ConnectionOptions) {
    super(options)
    this.#options = options
  }

  protected override connect(attempt: Attempt): Promise<Ending> {
    const take = ({ name, data }: ServerEvent) => {
      if (name === 'logsUpdated' || name === 'progress' || name === 'taskChanged' || name === 'incident')
        this.emit(name, data)
      return undefined
    }
    return listen(this.#options, endpoint(this.#options.url, 'updates'), attempt, take, () => undefined)
  }
}
