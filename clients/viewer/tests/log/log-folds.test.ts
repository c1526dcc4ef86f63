import { expect, it, vi } from 'vitest'
import { LogFolds } from '../../src/log/log-folds'

const line = (sequence: number, message: string) => ({ sequence, message }) as never
const page = (...entries: never[]) => ({ entries, hasNext: false, next: null }) as never
const lines = {
  indexOf: (sequence: number) => sequence - 1,
  indexAt: ({ offset }: { offset: number }) => offset,
  placeOf: async (sequence: number) => ({ page: 0, offset: sequence - 1 }),
}
const log = (more: object = {}) =>
  ({ filter: {}, isFiltered: false, lines, life: new AbortController().signal, ...more }) as never

it('takes markers that come while the log is looked through after those that were found', async () => {
  const folds = new LogFolds(vi.fn().mockResolvedValue(page(line(1, '::group::a'))), log())
  folds.begin(log())
  expect(folds.see(line(4, '::endgroup::'))).toBe(false)
  expect(await folds.find()).toBe(true)
  expect(folds.folds.group(1)).toMatchObject({ start: 1, end: 4 })
  expect(folds.see(line(5, '::group::b'))).toBe(true)
})

it('hides what is folded, up to the line that closes it', async () => {
  const folds = new LogFolds(vi.fn().mockResolvedValue(page(line(2, '::group::a'), line(5, '::endgroup::'))), log())
  await folds.find()
  expect(await folds.toggle(2)).toBe(true)
  expect(folds.hidden(9, (sequence) => sequence)).toEqual([{ from: 2, to: 5 }])
  expect(folds.lineCount(folds.folds.group(2)!)).toBe(3)
})

it('hides under a filter the lines between the places of both ends', async () => {
  const read = vi.fn().mockResolvedValue(page(line(2, '::group::a'), line(5, '::endgroup::')))
  const filtered = log({ isFiltered: true, filter: { keywords: ['group'] } })
  const folds = new LogFolds(read, filtered)
  folds.begin(filtered)
  await folds.find()
  expect(await folds.setAll(true)).toBe(true)
  expect(folds.hidden(9, () => 0)).toEqual([{ from: 2, to: 5 }])
})

it('stops where another filter was set', async () => {
  const folds = new LogFolds(vi.fn().mockResolvedValue(page(line(1, '::group::a'))), log({ life: AbortSignal.abort() }))
  expect([await folds.find(), folds.folds.size]).toEqual([false, 0])
})
