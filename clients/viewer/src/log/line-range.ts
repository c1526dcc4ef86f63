/** The lines of a range, as a reader copies them. */
import type { LogEntry } from 'otto-logs'
import type { HistoryPage, HistoryQuery } from 'otto-logs/history'
import type { LineRange } from './view-state'

const LINES_MAX = 50_000
const PAGE_MAX = 5000

/** Read the lines of a range that `read` answers with, page by page, and no more than a clipboard has use for. */
export async function linesOf(
  { from, to }: LineRange,
  epoch: string,
  read: (query: HistoryQuery) => Promise<HistoryPage>,
): Promise<LogEntry[]> {
  const entries: LogEntry[] = []
  let after = `${epoch}-${from - 1}`
  while (entries.length < LINES_MAX) {
    const page = await read({ after, limit: Math.min(to - from + 1, PAGE_MAX) })
    entries.push(...page.entries.filter(({ sequence }) => sequence <= to))
    const last = page.entries[page.entries.length - 1]?.sequence ?? to
    if (!page.hasNext || !page.next || page.next === after || last >= to) break
    after = page.next
  }
  return entries
}
