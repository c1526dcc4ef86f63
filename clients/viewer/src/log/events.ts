/** Events of several lines: a trace, a diagnostic with its caret. The gateway says which line of its event each is. */
import type { LogEntry } from 'otto-logs'
import type { Group } from './folds'

/** No event has more lines. */
export const EVENT_LINES_MAX = 500

/** Which line of its event a line is, from 1; a line that is no part of one is the first of its own. */
export function eventLine({ metadata }: LogEntry): number {
  const line = metadata?.eventLine
  return typeof line === 'number' || typeof line === 'string' ? Number(line) || 1 : 1
}

type EntryAt = (index: number) => LogEntry | null | undefined

/** Blank lines that may stand between two parts of an event, as far as a row looks at its neighbours. */
const BLANK_LINES_MAX = 3

/** Whether the lines behind one continue it. */
function isEventHead(index: number, entryAt: EntryAt): boolean {
  const head = entryAt(index)
  if (!head || eventLine(head) > 1 || isBlank(head)) return false
  const next = afterBlanks(index, entryAt)
  return next !== null && isSameOutput(head, next.entry) && eventLine(next.entry) === next.index - index + 1
}

/** The event that a line begins, as long as it was never folded: only its first lines are known. */
export function unfoldedEvent(index: number, entryAt: EntryAt): Group | undefined {
  const head = entryAt(index)
  if (!head || !isEventHead(index, entryAt)) return undefined
  return { start: head.sequence, end: null, name: '', depth: 0, isShown: true, isEvent: true }
}

/** A line of the event that a line continues or, blank, stands within; null: it does neither. */
export function eventOf(index: number, entryAt: EntryAt): LogEntry | null {
  const entry = entryAt(index)
  if (!entry || eventLine(entry) > 1) return entry ?? null
  if (!isBlank(entry)) return null
  const next = afterBlanks(index, entryAt)
  return next && isSameOutput(entry, next.entry) && eventLine(next.entry) > 1 ? next.entry : null
}

/** The first line behind one that is not blank. */
function afterBlanks(index: number, entryAt: EntryAt): { entry: LogEntry; index: number } | null {
  for (let at = index + 1; at <= index + BLANK_LINES_MAX + 1; at++) {
    const entry = entryAt(at)
    if (!entry) return null
    if (!isBlank(entry)) return { entry, index: at }
  }
  return null
}

function isBlank({ message }: LogEntry): boolean {
  return message.trim() === ''
}

/**
 * The sequence of the last line of the event that begins at `index`; null: that line begins none. Lines of other
 * outputs in between end it here: what folds is one run of rows.
 */
export function eventEnd(index: number, entryAt: EntryAt): number | null {
  const head = entryAt(index)
  if (!head || !isEventHead(index, entryAt)) return null
  let end = head.sequence
  for (let at = index + 1; at < index + EVENT_LINES_MAX; at++) {
    const entry = entryAt(at)
    if (!entry || !isSameOutput(head, entry)) break
    // A blank line within an event has no number of its own: it belongs to it where the event goes on behind it.
    if (eventLine(entry) > 1) end = entry.sequence
    else if (!isBlank(entry)) break
  }
  return end
}

function isSameOutput(one: LogEntry, other: LogEntry): boolean {
  return one.workerId === other.workerId && one.source === other.source
}
