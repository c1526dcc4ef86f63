// The last lines of a task beside other things; the log page has all of them.
import { useEffect, useRef, useState } from 'preact/hooks'
import { listenTo } from '../data/events'
import { type Line, plain } from '../data/search'
import { clock, millisecondsOf } from '../data/times'
import type { Shell } from '../shell/contract'

const LINES_MAX = 200

export function LogTail({ shell, taskId }: { shell: Shell; taskId: string }) {
  const t = shell.t.automationTask
  const [lines, setLines] = useState<readonly Line[]>([])
  const [isOpen, setOpen] = useState(true)
  const box = useRef<HTMLOListElement>(null)
  const follows = useRef(true)
  useEffect(() => {
    let waiting: Line[] = []
    let frame = 0
    setLines([])
    const put = () => {
      frame = 0
      const added = waiting
      waiting = []
      // A stream that comes back sends its tail again: sequences tell what is new.
      setLines((before) => {
        const last = before.at(-1)?.sequence ?? 0
        return [...before, ...added.filter((line) => line.sequence > last)].slice(-LINES_MAX)
      })
    }
    const close = listenTo(
      `/api/v1/log-streaming/logs/${encodeURIComponent(taskId)}/stream?tail=${LINES_MAX}`,
      {
        message: (entry) => {
          waiting.push(entry as Line)
          if (waiting.length > LINES_MAX) waiting.shift()
          frame ||= requestAnimationFrame(put)
        },
        complete: () => {},
      },
      setOpen,
    )
    return () => {
      close()
      cancelAnimationFrame(frame)
    }
  }, [taskId])
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
          <span class="faint">{clock(millisecondsOf(line.timestamp) ?? 0)}</span>
          <span class="level">{line.level}</span>
          <span>{plain(line.message)}</span>
        </li>
      ))}
    </ol>
  )
}
