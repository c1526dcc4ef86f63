import type { LogEntry } from 'otto-logs'
import { plain } from 'otto-logs/ansi'
import { marked } from '../data/search'
import { clock, exactly, millisecondsOf } from '../data/times'
import { timeZone } from '../shell/preferences'

/** A line of a log outside of its page: number, time, level and text, with what was searched marked. */
export function LineText({ line, q = '' }: { line: LogEntry; q?: string }) {
  const time = millisecondsOf(line.timestamp)
  return (
    <>
      <span class="sequence">{line.sequence || ''}</span>
      <span class="at" title={time === null ? undefined : exactly(time)}>
        {time === null ? '' : clock(time, Date.now(), timeZone.value)}
      </span>
      <span class="level">{line.level}</span>
      <span class="text">
        {marked(plain(line.message), q).map((part, n) => (part.isMatch ? <mark key={n}>{part.text}</mark> : part.text))}
      </span>
    </>
  )
}

/** A line in front of another one, or behind it. */
export function ContextLine({ line }: { line: LogEntry }) {
  return (
    <div class="hit context">
      <LineText line={line} />
    </div>
  )
}
