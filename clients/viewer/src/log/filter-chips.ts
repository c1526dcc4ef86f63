/** A filter as chips that can be taken away one by one, and as what is typed to add one. */
import type { LogFilter } from 'otto-logs'

export interface Chip {
  kind: 'keyword' | 'worker' | 'source' | 'from' | 'to'
  value: string
}

const LISTS = { keyword: 'keywords', worker: 'workerIds', source: 'sources' } as const

export function chipsOf(filter: LogFilter): Chip[] {
  const chips: Chip[] = []
  for (const kind of ['keyword', 'worker', 'source'] as const)
    for (const value of filter[LISTS[kind]] ?? []) chips.push({ kind, value })
  if (filter.startTime) chips.push({ kind: 'from', value: filter.startTime })
  if (filter.endTime) chips.push({ kind: 'to', value: filter.endTime })
  return chips
}

export function without(filter: LogFilter, { kind, value }: Chip): LogFilter {
  const rest = { ...filter }
  if (kind === 'from') delete rest.startTime
  else if (kind === 'to') delete rest.endTime
  else {
    const list = (rest[LISTS[kind]] ?? []).filter((other) => other !== value)
    if (list.length) rest[LISTS[kind]] = list
    else delete rest[LISTS[kind]]
  }
  return rest
}

/** `worker:w1`, `source:stderr`, `from:…`, `to:…` (times), or text that lines contain; null where it says nothing. */
export function withTyped(filter: LogFilter, typed: string): LogFilter | null {
  const [, name, value] = /^(?:(worker|source|from|to|text):)?\s*(.*?)\s*$/s.exec(typed) ?? []
  // A comma separates values in the address.
  const values = (value ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)
  if (!values.length) return null
  if (name === 'from' || name === 'to') {
    const time = new Date(values[0] as string)
    if (Number.isNaN(time.getTime())) return null
    return { ...filter, [name === 'from' ? 'startTime' : 'endTime']: time.toISOString() }
  }
  const list = LISTS[name === 'worker' || name === 'source' ? name : 'keyword']
  return { ...filter, [list]: [...new Set([...(filter[list] ?? []), ...values])] }
}
