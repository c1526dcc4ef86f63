/** A filter as the page's address has it, and the levels in their order. */
import type { Level, LogFilter } from 'otto-logs'

export const LEVELS: readonly Level[] = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']

/** What makes a task fail. */
export const SEVERE: Level[] = ['ERROR', 'FATAL']

export function isEmptyFilter(filter: LogFilter): boolean {
  return !Object.values(filter).some((value) => (Array.isArray(value) ? value.length > 0 : value))
}

/** The filter as query parameters of the page, which are named as the gateway's. */
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
  if (filter.expression) query.set('filter', filter.expression)
  return query
}
