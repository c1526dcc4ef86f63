/** Where a log's page opens. */

import type { StageWatch } from './stages'
import type { Failure } from './summary'
import { decisiveLine } from './summary'

export type Opening = 'start' | 'end' | { sequence: number }

/** What a reader waits for at most before lines are shown. */
const WAIT_MILLISECONDS = 1500

export interface OpeningSources {
  stages: Pick<StageWatch, 'first' | 'failed'>
  failure: Pick<Failure, 'read'>
  /** The first error at or behind a time. */
  firstErrorSince(startTime: string): Promise<number | null>
}

/**
 * One that failed: the first error of the stage that failed, or what made it fail. A good one: its top. Others: the end.
 * What is found out too late to wait for goes to `onLate`.
 */
export async function openingOf(
  status: string,
  sources: OpeningSources,
  onLate: (sequence: number) => void = () => {},
): Promise<Opening> {
  if (status === 'COMPLETED') return 'start'
  if (status !== 'FAILED') return 'end'
  const finding = firstToSee(sources)
  const sequence = await within(WAIT_MILLISECONDS, finding)
  if (sequence !== null) return { sequence }
  finding.then((late) => late !== null && onLate(late)).catch(() => {})
  return 'end'
}

async function firstToSee({ stages, failure, firstErrorSince }: OpeningSources): Promise<number | null> {
  const reading = failure.read()
  await stages.first
  const startTime = stages.failed?.startTime
  const inStage = startTime ? await firstErrorSince(startTime).catch(() => null) : null
  if (inStage !== null) return inStage
  const summary = await reading
  return summary && decisiveLine(summary)
}

function within<T>(milliseconds: number, work: Promise<T>): Promise<T | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(null), milliseconds)
    void work
      .catch(() => null)
      .then((value) => {
        clearTimeout(timer)
        resolve(value)
      })
  })
}
