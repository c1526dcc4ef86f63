import { useEffect, useState } from 'preact/hooks'
import { duration } from '../data/times'
import { StatusBadge, statusText, toneOf } from '../parts/StatusBadge'
import type { Shell } from '../shell/contract'
import type { LogController } from './log-controller'
import { OVER, type Stage } from './stages'

/** The stages of the pipeline that the log belongs to; each leads to its lines, one that failed to its first error. */
export function StageStrip({ log, shell }: { log: LogController; shell: Shell }) {
  const stages = log.stages.stages.value
  const now = useSeconds(stages.some(({ status }) => !OVER.has(status)))
  if (!stages.length) return null
  return (
    <ol class="log-stages" aria-label={shell.t.log.pipeline}>
      {stages.map((stage) => (
        <Segment key={stage.id} stage={stage} took={tookOf(stage, now)} log={log} shell={shell} />
      ))}
    </ol>
  )
}

function Segment({ stage, took, log, shell }: { stage: Stage; took: number | null; log: LogController; shell: Shell }) {
  const { t } = shell
  const isRunning = stage.status === 'RUNNING'
  const time = took === null ? '' : duration(took)
  return (
    // Wider where it took longer, but so that the others can still be read.
    <li style={{ flexGrow: Math.max(Math.sqrt((took ?? 0) / 1000), 1) }} data-tone={toneOf(stage.status)}>
      <button
        type="button"
        title={stage.message || undefined}
        disabled={!stage.startTime}
        onClick={() => void log.go.toStage(stage)}
      >
        <StatusBadge status={stage.status} t={t} text={stage.id} />
        {!isRunning && <span class="heard-only">{statusText(stage.status, t)}</span>}
        <span class="log-stage-time">{isRunning ? `${t.log.stage(stage.percent)} · ${time}` : time}</span>
        {isRunning && <i class="log-stage-done" style={{ width: `${stage.percent}%` }} />}
      </button>
    </li>
  )
}

function tookOf({ startMilliseconds, endMilliseconds }: Stage, now: number): number | null {
  return startMilliseconds === null ? null : Math.max((endMilliseconds ?? now) - startMilliseconds, 0)
}

/** The time, to the second as long as it matters. */
function useSeconds(isTicking: boolean): number {
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    if (!isTicking) return
    const ticking = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(ticking)
  }, [isTicking])
  return now
}
