/** The whole view as the query of the page's address: filter, lines, search, and how lines are shown. */
import type { Level, LogFilter } from 'otto-logs'
import { filterQuery, LEVELS } from './filter'

export type TimeFormat = 'absolute' | 'relative' | 'elapsed' | 'none'
export const TIME_FORMATS: readonly TimeFormat[] = ['absolute', 'relative', 'elapsed', 'none']

export interface LineRange {
  from: number
  to: number
}

export interface ViewState {
  filter: LogFilter
  /** The chosen lines, and so where the page opens. */
  lines: LineRange | null
  search: string
  time: TimeFormat
  isWrapped: boolean
  hasWorkers: boolean
  hasSources: boolean
  pipeline: string | null
}

const OURS = [
  'level',
  'keywords',
  'workerId',
  'source',
  'startTime',
  'endTime',
  'filter',
  'line',
  'q',
  'time',
  'wrap',
  'worker-column',
  'source-column',
  'pipeline',
]

export function viewState(query: URLSearchParams): ViewState {
  const list = (name: string) => [
    ...new Set(
      query
        .getAll(name)
        .flatMap((value) => value.split(','))
        .map((part) => part.trim())
        .filter(Boolean),
    ),
  ]
  const levels = list('level')
    .map((level) => level.toUpperCase())
    .filter((level): level is Level => (LEVELS as readonly string[]).includes(level))
  const time = query.get('time')
  const filter: LogFilter = {}
  if (levels.length) filter.levels = levels
  for (const [key, name] of [
    ['keywords', 'keywords'],
    ['workerIds', 'workerId'],
    ['sources', 'source'],
  ] as const) {
    const values = list(name)
    if (values.length) filter[key] = values
  }
  for (const name of ['startTime', 'endTime'] as const) {
    const value = query.get(name)
    if (value && !Number.isNaN(Date.parse(value))) filter[name] = value
  }
  const expression = query.get('filter')?.trim()
  if (expression) filter.expression = expression
  return {
    filter,
    lines: lineRange(query.get('line')),
    search: query.get('q') ?? '',
    time: TIME_FORMATS.find((format) => format === time) ?? 'absolute',
    isWrapped: query.get('wrap') === '1',
    hasWorkers: query.get('worker-column') !== '0',
    hasSources: query.get('source-column') === '1',
    pipeline: query.get('pipeline') || null,
  }
}

/** The query for a state; parameters that are not the log page's stay. */
export function viewQuery(state: ViewState, before: URLSearchParams = new URLSearchParams()): URLSearchParams {
  const query = new URLSearchParams(before)
  for (const name of OURS) query.delete(name)
  for (const [name, value] of filterQuery(state.filter)) query.set(name, value)
  if (state.search) query.set('q', state.search)
  if (state.lines) query.set('line', lineText(state.lines))
  if (state.time !== 'absolute') query.set('time', state.time)
  if (state.isWrapped) query.set('wrap', '1')
  if (!state.hasWorkers) query.set('worker-column', '0')
  if (state.hasSources) query.set('source-column', '1')
  if (state.pipeline) query.set('pipeline', state.pipeline)
  return query
}

export function lineText({ from, to }: LineRange): string {
  return from === to ? `${from}` : `${from}-${to}`
}

export function lineRange(text: string | null): LineRange | null {
  const found = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(text ?? '')
  if (!found) return null
  const ends = [Number(found[1]), Number(found[2] ?? found[1])]
  const [from, to] = [Math.min(...ends), Math.max(...ends)]
  return from >= 1 ? { from, to } : null
}
