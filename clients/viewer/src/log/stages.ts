/** The stages of the pipeline that a log belongs to: its own, which has its name, or the one that the address names. */
import { signal } from '@preact/signals'
import type { PipelineProgress } from 'otto-logs'
import { read } from '../data/requests'

export interface Stage {
  id: string
  status: string
  percent: number
  message: string
  startTime: string | null
  startMilliseconds: number | null
  endMilliseconds: number | null
}

export const OVER = new Set(['COMPLETED', 'FAILED', 'SKIPPED', 'CANCELLED'])
const RUNNING_MILLISECONDS = 1000
const IDLE_MILLISECONDS = 10_000

export type StageReport = Pick<PipelineProgress, 'stageId' | 'status'> & Partial<PipelineProgress>

/** Stages as they are shown, in the order in which they began; those that have not, behind them. */
export function stagesOf(reports: readonly StageReport[]): Stage[] {
  const begun = (stage: Stage) => stage.startMilliseconds ?? Number.POSITIVE_INFINITY
  return reports.map(stageOf).sort((a, b) => (begun(a) === begun(b) ? 0 : begun(a) - begun(b)))
}

function stageOf(report: StageReport): Stage {
  const status = report.status.replace(/^STAGE_/, '')
  const time = (text: string | undefined) => (text && !Number.isNaN(Date.parse(text)) ? Date.parse(text) : null)
  const at = time(report.timestamp)
  const startTime = report.startedAt || (status === 'PENDING' ? null : report.timestamp || null)
  const percent = report.progressPercentage ?? (status === 'COMPLETED' ? 100 : 0)
  return {
    id: report.stageId,
    status,
    percent: Math.min(Math.max(percent, 0), 100),
    message: report.errorMessage || report.message || '',
    startTime,
    startMilliseconds: time(startTime ?? undefined),
    endMilliseconds: OVER.has(status) ? (time(report.completedAt) ?? at) : null,
  }
}

export async function readStages(pipelineId: string, signal: AbortSignal): Promise<StageReport[]> {
  const path = `/api/v1/log-streaming/pipelines/${encodeURIComponent(pipelineId)}/stages`
  return (await read<{ stages: StageReport[] }>(path, { signal, isOptional: true })).stages
}

/**
 * Keeps stages fresh by asking: once a second while one runs, rarely while the task runs without any, and not at all
 * where nobody looks. A connection of their own for each tab is more than browsers have.
 */
export class StageWatch {
  readonly stages = signal<readonly Stage[]>([])
  /** Settled with the first answer, whatever it is. */
  readonly first: Promise<void>
  #life = new AbortController()
  #timer: ReturnType<typeof setTimeout> | undefined
  #read: (signal: AbortSignal) => Promise<StageReport[]>
  #isTaskOver: () => boolean
  #isAsked = false

  constructor(read: (signal: AbortSignal) => Promise<StageReport[]>, isTaskOver: () => boolean) {
    this.#read = read
    this.#isTaskOver = isTaskOver
    this.first = this.#look()
  }

  close(): void {
    this.#life.abort()
    clearTimeout(this.#timer)
  }

  /** The first stage that failed. */
  get failed(): Stage | undefined {
    return this.stages.value.find(({ status }) => status === 'FAILED')
  }

  async #look(): Promise<void> {
    const { signal } = this.#life
    try {
      if (!this.#isAsked || !globalThis.document?.hidden) {
        this.#isAsked = true
        const reports = await this.#read(signal)
        if (signal.aborted) return
        this.stages.value = stagesOf(reports)
      }
    } catch {
      // A token may cover the task and not the pipeline: then there are no stages.
    }
    if (signal.aborted) return
    const isRunning = this.stages.value.some(({ status }) => !OVER.has(status))
    if (this.#isTaskOver() && !isRunning) return
    this.#timer = setTimeout(() => void this.#look(), isRunning ? RUNNING_MILLISECONDS : IDLE_MILLISECONDS)
  }
}
