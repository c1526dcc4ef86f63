/** What the gateway says about lines, as far as the log page needs it. */
import type { Level, LogFilter } from 'otto-logs'

export type { Gap, Level, LogEntry, LogFilter } from 'otto-logs'
export type { Bucket, LevelCounts } from 'otto-logs/history'

export const LEVELS: readonly Level[] = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']

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
