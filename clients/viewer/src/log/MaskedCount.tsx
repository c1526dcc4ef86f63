import { read } from '../data/requests'
import { useResource } from '../data/resource'
import { Menu } from '../parts/Menu'
import type { Shell } from '../shell/contract'
import type { LogController } from './log-controller'

const RUNNING_MILLISECONDS = 5000

interface MaskCounts {
  total: number
  rules: Record<string, number>
}

/** How many secrets were masked in the lines of the task, and what that means. */
export function MaskedCount({ log, taskId, shell }: { log: LogController; taskId: string; shell: Shell }) {
  const t = shell.t.alerts
  const path = `/api/v1/log-streaming/tasks/${encodeURIComponent(taskId)}/masks`
  const found = useResource(
    path,
    (signal) => read<MaskCounts>(path, { signal, isOptional: true }),
    () => (log.isOver ? 0 : RUNNING_MILLISECONDS),
  )
  const { total = 0, rules = {} } = found.value ?? {}
  if (!total) return null
  const text = t.masked(total)
  return (
    <span class="log-masked">
      <Menu label={`${text}. ${t.maskedHint(total)}`} icon="masked" text={text}>
        <p>{t.maskedHint(total)}</p>
        <dl>
          {Object.entries(rules).map(([rule, n]) => (
            <div key={rule}>
              <dt>{t.maskedBy[rule] ?? rule}</dt>
              <dd>{shell.t.common.number(n)}</dd>
            </div>
          ))}
        </dl>
      </Menu>
    </span>
  )
}
