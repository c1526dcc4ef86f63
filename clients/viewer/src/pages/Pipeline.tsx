import { useEffect, useState } from 'preact/hooks'
import { listenTo } from '../data/events'
import { Bar } from '../parts/Bar'
import { Empty } from '../parts/State'
import { Status, toneOf } from '../parts/Status'
import { useTitle } from '../parts/use-title'
import type { Shell } from '../shell/contract'

interface Stage {
  stageId: string
  status: string
  progressPercentage?: number
  message?: string
  errorMessage?: string
}

/** The stages of one pipeline, live. */
export function Pipeline({ shell, pipelineId }: { shell: Shell; pipelineId: string }) {
  const t = shell.t
  const [stages, setStages] = useState<ReadonlyMap<string, Stage>>(new Map())
  useTitle(shell, pipelineId)
  useEffect(() => {
    setStages(new Map())
    return listenTo(`/api/v1/log-streaming/pipelines/${encodeURIComponent(pipelineId)}/progress`, {
      progress: (stage) => setStages((before) => new Map(before).set((stage as Stage).stageId, stage as Stage)),
    })
  }, [pipelineId])
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
      {stages.size === 0 ? (
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
            {[...stages.values()].map((stage) => (
              <tr key={stage.stageId}>
                <td>
                  <Status status={stage.status} t={t} />
                </td>
                <th scope="row" class="name">
                  <bdi>{stage.stageId}</bdi>
                </th>
                <td>
                  <Bar percent={stage.progressPercentage ?? 0} label={stage.stageId} tone={toneOf(stage.status)} />
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
