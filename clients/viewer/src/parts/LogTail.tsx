// The last lines of a task beside other things; the log page has all of them.
import { type LogEntry, openLogStream } from 'otto-logs'
import { plain } from 'otto-logs/ansi'
import { useEffect, useRef, useState } from 'preact/hooks'
import { clock, millisecondsOf } from '../data/times'
import type { Shell } from '../shell/contract'
import { timeZone } from '../shell/preferences'
import { useStream } from './use-stream'

const LINES_MAX = 200

export function LogTail({ shell, taskId }: { shell: Shell; taskId: string }) {
  const t = shell.t.automationTask
  const [lines, setLines] = useState<readonly LogEntry[]>([])
  const [isOpen, setOpen] = useState(true)
  const box = useRef<HTMLOListElement>(null)
  const follows = useRef(true)
  useStream(shell, taskId, () => {
    setLines([])
    const stream = openLogStream({ ...shell.gateway, taskId, tail: LINES_MAX, bufferSize: LINES_MAX })
    stream.on('entries', () => setLines(stream.entries))
    stream.on('restart', () => setLines([]))
    stream.on('state', ({ kind }) => setOpen(kind !== 'waiting'))
    return stream
  })
  useEffect(() => {
    if (box.current && follows.current) box.current.scrollTop = box.current.scrollHeight
  }, [lines])
  return (
    <ol
      class="log-tail"
      ref={box}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
      tabIndex={0}
      aria-label={t.log}
      data-away={!isOpen && lines.length > 0}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        follows.current = scrollHeight - scrollTop - clientHeight < 24
      }}
    >
      {lines.length === 0 && <li class="faint">{t.noLog}</li>}
      {lines.map((line) => (
        <li key={line.sequence} data-level={line.level}>
          <span class="faint">{clock(millisecondsOf(line.timestamp) ?? 0, Date.now(), timeZone.value)}</span>
          <span class="level">{line.level}</span>
          <span>{plain(line.message)}</span>
        </li>
      ))}
    </ol>
  )
}
