/** A pipeline's stages as they are told, in the order in which they were first heard of. */
import type { PipelineProgress } from 'otto-logs'

export type StageReport = Pick<PipelineProgress, 'stageId' | 'status'> & Partial<PipelineProgress>

export interface Stage {
  id: string
  name: string
  status: string
  percent: number
  message: string
  startMilliseconds: number | null
  endMilliseconds: number | null
}

const OVER = new Set(['COMPLETED', 'FAILED', 'SKIPPED', 'CANCELLED'])

export function told(stages: readonly Stage[], report: StageReport, now: number): Stage[] {
  const known = stages.find(({ id }) => id === report.stageId)
  const status = report.status.replace(/^STAGE_/, '')
  const time = (text: string | undefined) => (text && !Number.isNaN(Date.parse(text)) ? Date.parse(text) : null)
  const at = time(report.timestamp) ?? now
  const stage: Stage = {
    id: report.stageId,
    name: report.stageId,
    status,
    percent: Math.min(
      Math.max(report.progressPercentage ?? (status === 'COMPLETED' ? 100 : (known?.percent ?? 0)), 0),
      100,
    ),
    message: report.errorMessage || report.message || '',
    startMilliseconds: time(report.startedAt) ?? known?.startMilliseconds ?? (status === 'PENDING' ? null : at),
    endMilliseconds: OVER.has(status) ? (time(report.completedAt) ?? known?.endMilliseconds ?? at) : null,
  }
  return known ? stages.map((other) => (other === known ? stage : other)) : [...stages, stage]
}
