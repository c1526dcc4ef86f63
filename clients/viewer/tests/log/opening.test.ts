import { expect, test, vi } from 'vitest'
import { type OpeningSources, openingOf } from '../../src/log/opening'
import { stagesOf } from '../../src/log/stages'
import { decisiveLine, Failure, type RunSummary, shownLines } from '../../src/log/summary'

const summary = (cause: number | null, first: number | null) =>
  ({ cause: cause && { firstSequence: cause }, firstError: first && { sequence: first } }) as unknown as RunSummary

function sources(found: RunSummary | null, failedAt: string | null, errorInStage: number | null): OpeningSources {
  const failed = failedAt ? stagesOf([{ stageId: 's', status: 'STAGE_FAILED', startedAt: failedAt }])[0] : undefined
  const stages = { first: Promise.resolve(), failed }
  return { stages, failure: { read: async () => found }, firstErrorSince: vi.fn(async () => errorInStage) }
}

test('a good log opens at its top, one that runs or was cancelled at its end', async () => {
  const none = sources(null, null, null)
  expect(await openingOf('COMPLETED', none)).toBe('start')
  for (const status of ['RUNNING', 'UNKNOWN', 'CANCELLED']) expect(await openingOf(status, none)).toBe('end')
})

test('a failed log opens at the first error of its failed stage, else at the cause, else at the first error', async () => {
  const at = '2026-01-01T00:00:00Z'
  const inStage = sources(summary(20, 3), at, 12)
  expect(await openingOf('FAILED', inStage)).toEqual({ sequence: 12 })
  expect(inStage.firstErrorSince).toHaveBeenCalledWith(at)
  expect(await openingOf('FAILED', sources(summary(20, 3), at, null))).toEqual({ sequence: 20 })
  expect(await openingOf('FAILED', sources(summary(null, 3), null, null))).toEqual({ sequence: 3 })
  expect(await openingOf('FAILED', sources(summary(null, null), null, null))).toBe('end')
})

test('a gateway that does not say why keeps nobody waiting', async () => {
  vi.useFakeTimers()
  const never = { ...sources(null, null, null), failure: { read: () => new Promise<null>(() => {}) } }
  const opening = openingOf('FAILED', never)
  await vi.advanceTimersByTimeAsync(2000)
  expect(await opening).toBe('end')
  vi.useRealTimers()
})

test('a cause that is found late is reported when it is found', async () => {
  vi.useFakeTimers()
  const late = { read: () => new Promise<RunSummary>((resolve) => setTimeout(() => resolve(summary(7, 3)), 3000)) }
  const told = vi.fn()
  const opening = openingOf('FAILED', { ...sources(null, null, null), failure: late }, told)
  await vi.advanceTimersByTimeAsync(2000)
  expect(await opening).toBe('end')
  expect(told).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(2000)
  expect(told).toHaveBeenCalledWith(7)
  vi.useRealTimers()
})

test('of a long cause the beginning and the end are shown, without blank lines', () => {
  expect(shownLines(['a', '', 'b', 'c', 'd', 'e'], 4)).toEqual(['a', '…', 'd', 'e'])
  expect(shownLines(['a', 'b'], 4)).toEqual(['a', 'b'])
  expect(shownLines(['a', 'b', 'c', 'd'], 3)).toEqual(['b', 'c', 'd'])
  expect(shownLines(['____ test_x ____', '======', '- - -'], 4)).toEqual(['test_x'])
  expect(decisiveLine(summary(7, 3))).toBe(7)
})

test('a cause of a stage that went on gives way to the event at which the page opened', async () => {
  const failure = new Failure(async () => summary(3, 3))
  const event = [
    { sequence: 12, message: '\x1b[31mTraceback\x1b[0m' },
    { sequence: 13, message: 'ValueError' },
  ]
  const linesAt = vi.fn(async () => event as never)
  await failure.takeOpened(12, linesAt)
  expect(failure.summary.value?.cause).toMatchObject({
    firstSequence: 12,
    lastSequence: 13,
    lines: ['Traceback', 'ValueError'],
  })
  const other = new Failure(async () => summary(20, 3))
  await other.takeOpened(12, linesAt)
  expect(other.summary.value?.cause?.firstSequence).toBe(20)
  expect(linesAt).toHaveBeenCalledTimes(1)
})

test('the card makes room when the reader moves on, and not when its own height moves the lines', async () => {
  const failure = new Failure(async () => summary(7, 3))
  await failure.read()
  for (const first of [1, 20, 9]) failure.seen(first)
  expect(failure.isOpen.value).toBe(true)
  failure.moved()
  failure.seen(12)
  expect(failure.isOpen.value).toBe(true)
  failure.seen(13)
  expect(failure.isOpen.value).toBe(false)
  failure.fold(false)
  failure.seen(40)
  expect(failure.isOpen.value).toBe(true)
})
