import { openPipeline, type PipelineProgress } from 'otto-logs'
import { useState } from 'preact/hooks'
import { read } from '../data/requests'
import { useResource } from '../data/resource'
import { Bar } from '../parts/Bar'
import { DataTable } from '../parts/DataTable'
import { Empty } from '../parts/State'
import { StatusBadge, toneOf } from '../parts/StatusBadge'
import { useStream } from '../parts/use-stream'
import { useTitle } from '../parts/use-title'
import type { Shell } from '../shell/contract'
import { logUrl } from '../shell/routes'

/** The stages of one pipeline, live. */
export function Pipeline({ shell, pipelineId }: { shell: Shell; pipelineId: string }) {
  const t = shell.t
  const [stages, setStages] = useState<readonly PipelineProgress[]>([])
  const hasLog = useResource(`log of ${pipelineId}`, (signal) =>
    // A pipeline has the log of the task of its name, if there is one.
    read(`/api/v1/log-streaming/logs/${encodeURIComponent(pipelineId)}?limit=1`, { signal, isOptional: true }).then(
      () => true,
      () => false,
    ),
  )
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
        {hasLog.value && (
          <a class="tools" href={logUrl(pipelineId)}>
            {t.pipeline.log}
          </a>
        )}
      </header>
      {stages.length === 0 ? (
        <Empty title={t.pipeline.none}>
          <p>{t.pipeline.noneText}</p>
        </Empty>
      ) : (
        <DataTable
          name="pipeline"
          rows={stages}
          keyOf={(stage) => stage.stageId}
          columns={[
            { key: 'status', header: t.common.status, cell: ({ status }) => <StatusBadge status={status} t={t} /> },
            { key: 'stage', header: t.pipeline.stage, isName: true, cell: ({ stageId }) => <bdi>{stageId}</bdi> },
            {
              key: 'progress',
              header: t.pipeline.progress,
              cell: (stage) => (
                <Bar percent={stage.progressPercentage} label={stage.stageId} tone={toneOf(stage.status)} />
              ),
            },
            {
              key: 'message',
              header: t.pipeline.message,
              class: 'soft',
              cell: (stage) => <bdi>{stage.errorMessage || stage.message}</bdi>,
            },
          ]}
        />
      )}
    </section>
  )
}
