import { openPipeline, type PipelineProgress } from 'otto-logs'
import { useState } from 'preact/hooks'
import { Bar } from '../parts/Bar'
import { Empty } from '../parts/State'
import { StatusBadge, toneOf } from '../parts/StatusBadge'
import { useStream } from '../parts/use-stream'
import { useTitle } from '../parts/use-title'
import type { Shell } from '../shell/contract'

/** The stages of one pipeline, live. */
export function Pipeline({ shell, pipelineId }: { shell: Shell; pipelineId: string }) {
  const t = shell.t
  const [stages, setStages] = useState<readonly PipelineProgress[]>([])
  useTitle(shell, pipelineId)
  useStream(shell, pipelineId, () => {
    setStages([])
    const stream = openPipeline({ ...shell.gateway, pipelineId })
    stream.on('progress', () => setStages(stream.stages))
    stream.on('restart', () => setStages([]))
    return stream
  })
  return (
    <section class="page">
      <header class="page-head">
        <nav class="trail">
          <a href="/">{t.shell.tasks}</a>
        </nav>
        <h1 class="id">
          <bdi>{pipelineId}</bdi>
        </h1>
      </header>
      {stages.length === 0 ? (
        <Empty title={t.pipeline.none}>
          <p>{t.pipeline.noneText}</p>
        </Empty>
      ) : (
        <table class="rows pipeline">
          <thead>
            <tr>
              <th scope="col">{t.common.status}</th>
              <th scope="col">{t.pipeline.stage}</th>
              <th scope="col">{t.pipeline.progress}</th>
              <th scope="col">{t.pipeline.message}</th>
            </tr>
          </thead>
          <tbody>
            {stages.map((stage) => (
              <tr key={stage.stageId}>
                <td>
                  <StatusBadge status={stage.status} t={t} />
                </td>
                <th scope="row" class="name">
                  <bdi>{stage.stageId}</bdi>
                </th>
                <td>
                  <Bar percent={stage.progressPercentage} label={stage.stageId} tone={toneOf(stage.status)} />
                </td>
                <td class="soft">
                  <bdi>{stage.errorMessage || stage.message}</bdi>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}
