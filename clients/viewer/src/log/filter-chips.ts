/** A filter as chips that can be taken away one by one, and as what is typed to add one. */
import type { LogFilter } from 'otto-logs'

export interface Chip {
  kind: 'keyword' | 'worker' | 'source' | 'from' | 'to' | 'expression'
  value: string
}

const LISTS = { keyword: 'keywords', worker: 'workerIds', source: 'sources' } as const

export function chipsOf(filter: LogFilter): Chip[] {
  const chips: Chip[] = []
  for (const kind of ['keyword', 'worker', 'source'] as const)
    for (const value of filter[LISTS[kind]] ?? []) chips.push({ kind, value })
  if (filter.startTime) chips.push({ kind: 'from', value: filter.startTime })
  if (filter.endTime) chips.push({ kind: 'to', value: filter.endTime })
  if (filter.expression) chips.push({ kind: 'expression', value: filter.expression })
  return chips
}

export function without(filter: LogFilter, { kind, value }: Chip): LogFilter {
  const rest = { ...filter }
  if (kind === 'from') delete rest.startTime
  else if (kind === 'to') delete rest.endTime
  else if (kind === 'expression') delete rest.expression
  else {
    const list = (rest[LISTS[kind]] ?? []).filter((other) => other !== value)
    if (list.length) rest[LISTS[kind]] = list
    else delete rest[LISTS[kind]]
  }
  return rest
}

/** `from:…` or `to:…` (times), or an expression (docs/filters.md) beside the one that is there; null where it says nothing. */
export function withTyped(filter: LogFilter, typed: string): LogFilter | null {
  const text = typed.trim()
  if (!text) return null
  const [, name, value] = /^(from|to):(.*)$/s.exec(text) ?? []
  if (!name)
    return { ...filter, expression: filter.expression ? `${grouped(filter.expression)} ${grouped(text)}` : text }
  const time = new Date((value ?? '').trim())
  if (Number.isNaN(time.getTime())) return null
  return { ...filter, [name === 'from' ? 'startTime' : 'endTime']: time.toISOString() }
}

function grouped(expression: string): string {
  return /\bOR\b/.test(expression) ? `(${expression})` : expression
}

/** A worker or a source as a term of an expression. */
export function valueTerm(field: string, value: string): string {
  return /^[\w./@-]+$/.test(value) ? `${field}:${value}` : `${field}:"${value.replace(/["\\]/g, '\\$&')}"`
}
