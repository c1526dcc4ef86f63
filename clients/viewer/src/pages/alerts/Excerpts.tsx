import type { LogEntry } from 'otto-logs'
import { gateway } from 'otto-logs/history'
import { useMemo } from 'preact/hooks'
import { type AlertLine, type Excerpt, excerptsOf } from '../../data/alerts'
import { signedIn } from '../../data/requests'
import { useResource } from '../../data/resource'
import { ContextLine, LineText } from '../../parts/LineText'
import type { Shell } from '../../shell/contract'
import { logUrl } from '../../shell/routes'

const CONTEXT = 2

/** Lines where they stand in their logs, each a way there. */
export function Excerpts({
  shell,
  lines,
  context = CONTEXT,
}: {
  shell: Shell
  lines: readonly AlertLine[]
  context?: number
}) {
  const key = JSON.stringify(lines.map(({ taskId, sequence }) => [taskId, sequence]))
  const excerpts = useMemo(() => excerptsOf(lines, context), [key, context])
  return (
    <ol class="hits excerpts" data-days="false">
      {excerpts.map((excerpt, n) => (
        <li key={`${excerpt.taskId} ${excerpt.from} ${n}`}>
          <Lines shell={shell} excerpt={excerpt} isFirst={excerpts[n - 1]?.taskId !== excerpt.taskId} />
        </li>
      ))}
    </ol>
  )
}

function Lines({ shell, excerpt, isFirst }: { shell: Shell; excerpt: Excerpt; isFirst: boolean }) {
  const { taskId, from, to, lines } = excerpt
  const found = useResource(`excerpt ${taskId} ${from} ${to}`, async (signal) => {
    if (!from) return []
    const page = await signedIn(() =>
      gateway(shell.gateway).history(taskId, { after: from - 1, limit: to - from + 1, signal }),
    )
    return page.entries.filter(({ sequence }) => sequence >= from && sequence <= to)
  })
  const own = new Map(lines.map((line) => [line.sequence, line]))
  // Without its neighbours, as long as they are not read, or no longer there, a line is as the incident has it.
  const shown: LogEntry[] = found.value?.some(({ sequence }) => own.has(sequence)) ? found.value : lines.map(entryOf)
  return (
    <>
      {isFirst && (
        <h3>
          <a href={logUrl(taskId)}>
            <bdi>{taskId}</bdi>
          </a>
        </h3>
      )}
      <ol>
        {shown.map((line) => (
          <li key={line.sequence}>
            {own.has(line.sequence) ? (
              <a
                class="hit"
                data-row
                data-level={line.level}
                href={logUrl(taskId, line.sequence ? new URLSearchParams({ line: String(line.sequence) }) : undefined)}
              >
                <LineText line={line} />
              </a>
            ) : (
              <ContextLine line={line} />
            )}
          </li>
        ))}
      </ol>
    </>
  )
}

function entryOf(line: AlertLine): LogEntry {
  return { ...line, timestamp: '', source: 'stdout' } as LogEntry
}
