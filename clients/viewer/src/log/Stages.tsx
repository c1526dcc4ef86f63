import { openPipeline } from 'otto-logs'
import { useEffect, useState } from 'preact/hooks'
import { useStream } from '../parts/use-stream'
import type { Shell } from '../shell/contract'
import { type Stage, told } from './stages'
import { durationText } from './times'

/** The stages of the pipeline that the task belongs to. */
export function Stages({ pipelineId, shell }: { pipelineId: string; shell: Shell }) {
  const [stages, setStages] = useState<Stage[]>([])
  const [now, setNow] = useState(Date.now())
  const t = shell.t.log
  useStream(shell, pipelineId, () => {
    setStages([])
    const stream = openPipeline({ ...shell.gateway, pipelineId })
    stream.on('progress', (report) => setStages((before) => told(before, report, Date.now())))
    stream.on('restart', () => setStages([]))
    return stream
  })
  useEffect(() => {
    const ticking = setInterval(() => setNow(Date.now()), 1000)
    return () => {
      clearInterval(ticking)
    }
  }, [])
  if (!stages.length) return null
  return (
    <ol class="log-stages" aria-label={t.pipeline}>
      {stages.map((stage) => (
        <li key={stage.id} class={`is-${stage.status.toLowerCase().replace(/[^a-z]/g, '')}`} title={stage.message}>
          <span class="log-stage-name">{stage.name}</span>
          <progress max={100} value={stage.percent} aria-label={t.stage(stage.name, stage.percent)} />
          <span class="log-stage-time">
            {stage.startMilliseconds === null
              ? ''
              : durationText(
                  (stage.endMilliseconds ?? Math.max(now, stage.startMilliseconds)) - stage.startMilliseconds,
                )}
          </span>
        </li>
      ))}
    </ol>
  )
}
