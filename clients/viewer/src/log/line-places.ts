/** Lines that are gone to by what they are, asked of the gateway: the next error, the first line of a stage. */
import type { Level, LogFilter } from 'otto-logs'
import type { HistoryPage, HistoryQuery } from 'otto-logs/history'
import { EVENT_LINES_MAX, eventLine } from './events'

type Read = (query: HistoryQuery) => Promise<HistoryPage>

const FIRST_LINES = 20

/** The nearest line of some levels behind or in front of a position; of an event of several lines, the first. */
export async function nearestLine(
  read: Read,
  filter: LogFilter,
  levels: Level[],
  position: string,
  isForward: boolean,
): Promise<number | null> {
  const chosen = filter.levels?.filter((level) => levels.includes(level)) ?? levels
  if (!chosen.length) return null
  for (let at = position, limit = FIRST_LINES; ; limit = EVENT_LINES_MAX) {
    const way = isForward ? { after: at } : { before: at }
    const page = await read({ ...way, limit, filter: { ...filter, levels: chosen } })
    const heads = page.entries.filter((entry) => eventLine(entry) === 1)
    const head = isForward ? heads[0] : heads[heads.length - 1]
    const next = isForward ? page.hasNext && page.next : page.hasPrevious && page.previous
    if (head || !next || next === at) return head?.sequence ?? null
    at = next
  }
}

/** The first line at or behind a time, of some levels where they are given; null: there is none. */
export async function firstLineSince(read: Read, startTime: string, levels?: Level[]): Promise<number | null> {
  const page = await read({ limit: 1, filter: levels ? { startTime, levels } : { startTime } })
  return page.entries[0]?.sequence ?? null
}
