import { expect, test, vi } from 'vitest'
import { StageWatch, stagesOf } from '../../src/log/stages'

const at = (minute: number) => `2026-01-01T00:0${minute}:00Z`

test('stages stand in the order in which they began, and have an end once they are over', () => {
  const [first, second, last] = stagesOf([
    { stageId: 'later', status: 'STAGE_PENDING', timestamp: at(0) },
    { stageId: 'b', status: 'STAGE_RUNNING', progressPercentage: 40, startedAt: at(2) },
    { stageId: 'a', status: 'STAGE_COMPLETED', startedAt: at(1), completedAt: at(2), timestamp: at(5) },
  ])
  expect([first?.id, second?.id, last?.id]).toEqual(['a', 'b', 'later'])
  expect(first).toMatchObject({ status: 'COMPLETED', percent: 100, endMilliseconds: Date.parse(at(2)) })
  expect(second).toMatchObject({ percent: 40, endMilliseconds: null })
  expect(last).toMatchObject({ startMilliseconds: null, percent: 0 })
})

test('stages are asked for as long as one runs, and no longer', async () => {
  vi.useFakeTimers()
  const read = vi.fn().mockResolvedValueOnce([{ stageId: 's', status: 'STAGE_RUNNING', timestamp: at(0) }])
  read.mockResolvedValue([{ stageId: 's', status: 'STAGE_FAILED', timestamp: at(1) }])
  const watch = new StageWatch(read, () => true)
  await watch.first
  expect(watch.failed).toBeUndefined()
  await vi.advanceTimersByTimeAsync(60_000)
  expect([read.mock.calls.length, watch.failed?.id]).toEqual([2, 's'])
  watch.close()
  vi.useRealTimers()
})

test('a reader without a right to the pipeline sees none', async () => {
  const watch = new StageWatch(
    () => Promise.reject(new Error('403')),
    () => true,
  )
  await watch.first
  expect(watch.stages.value).toEqual([])
  watch.close()
})
