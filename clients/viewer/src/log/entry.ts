/** What the gateway says about lines, as far as the log page needs it. */
export type Level = 'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | 'FATAL'
export const LEVELS: readonly Level[] = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']
export type LevelCounts = Partial<Record<Level, number>>

export interface LogEntry {
  taskId: string
  workerId: string
  sequence: number
  timestamp: string
  level: Level
  source: string
  message: string
  metadata?: Record<string, unknown>
  truncated?: boolean
  originalSize?: number
}

export interface LogFilter {
  levels?: Level[]
  sources?: string[]
  keywords?: string[]
  workerIds?: string[]
  startTime?: string
  endTime?: string
}

export interface Gap {
  from: number
  to: number
  reason: string
}

/** A run of sequences with what it holds; `startTime` and `endTime` are those of its first and last stored line. */
export interface Bucket {
  from: number
  to: number
  startTime: string | null
  endTime: string | null
  total: number
  levels: LevelCounts
}

export function isEmptyFilter(filter: LogFilter): boolean {
  return !Object.values(filter).some((value) => (Array.isArray(value) ? value.length > 0 : value))
}

/** The filter as the gateway's query parameters. */
export function filterQuery(filter: LogFilter): URLSearchParams {
  const query = new URLSearchParams()
  const lists: [string, readonly string[] | undefined][] = [
    ['level', filter.levels],
    ['keywords', filter.keywords],
    ['workerId', filter.workerIds],
    ['source', filter.sources],
  ]
  for (const [name, values] of lists) if (values?.length) query.set(name, values.join(','))
  if (filter.startTime) query.set('startTime', filter.startTime)
  if (filter.endTime) query.set('endTime', filter.endTime)
  return query
}
