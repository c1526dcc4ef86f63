import type { LogEntry } from 'otto-logs'
import type { HistoryPage, HistoryQuery } from 'otto-logs/history'
import { expect, test, vi } from 'vitest'
import { LinePages, type PageSource } from '../../src/log/line-pages'
import { BucketPlan, SequencePlan } from '../../src/log/plan'

const line = (sequence: number): LogEntry => ({
  taskId: 't',
  workerId: 'w',
  sequence,
  timestamp: '',
  level: 'INFO',
  source: 'stdout',
  message: `${sequence}`,
})
const lines = (...sequences: number[]) => sequences.map(line)

/** Pages whose answers come when the test says so. */
function slow(plan: SequencePlan | BucketPlan, isFiltered: boolean) {
  const asked: { query: HistoryQuery; answer(entries: LogEntry[], epoch?: string): Promise<void> }[] = []
  const life = new AbortController()
  const source = {
    epoch: 'e1',
    isFiltered,
    life: life.signal,
    read: (query: HistoryQuery) =>
      new Promise<HistoryPage>((resolve) => {
        asked.push({
          query,
          async answer(entries, epoch = 'e1') {
            resolve({ entries, gaps: [], epoch, hasNext: false, next: null } as unknown as HistoryPage)
            await new Promise((settled) => setTimeout(settled))
          },
        })
      }),
    loaded: vi.fn(),
    recounted: vi.fn(),
    gaps: vi.fn(),
    restart: vi.fn(),
    refused: vi.fn(),
  } satisfies PageSource
  return { pages: new LinePages(plan, source), source, asked, life }
}

test('pages are asked for by position, and those beside them', async () => {
  const { pages, asked } = slow(new SequencePlan(1, 2000), false)
  pages.want([600, 601])
  expect(asked.map(({ query }) => query.after)).toEqual(['e1-500', 'e1-1000', 'e1-0'])
  await asked[0]?.answer(Array.from({ length: 500 }, (_, at) => line(501 + at)))
  expect([pages.entry(600)?.sequence, pages.sequenceAt(600)]).toEqual([601, 601])
  pages.want([600])
  expect(asked.length).toBe(3)
})

test('a line that the gateway no longer has is not one that was not asked for', async () => {
  const { pages, asked } = slow(new SequencePlan(1, 3), false)
  expect(pages.entry(1)).toBe(undefined)
  pages.want([0])
  await asked[0]?.answer(lines(1, 3))
  expect([pages.entry(0)?.sequence, pages.entry(1), pages.entry(2)?.sequence]).toEqual([1, null, 3])
})

test('a line that comes while its page is loaded is not said to be gone', async () => {
  const { pages, asked } = slow(new SequencePlan(1, 2), false)
  pages.want([0])
  expect(pages.append(line(3))).toBe(true)
  await asked[0]?.answer(lines(1, 2))
  expect([pages.lineCount, pages.entry(2)]).toEqual([3, undefined])
  pages.want([2])
  await asked[1]?.answer(lines(1, 2, 3))
  expect(pages.entry(2)?.sequence).toBe(3)
})

test('a line that comes while its page is counted anew still counts', async () => {
  const { pages, asked, source } = slow(new BucketPlan([{ from: 1, to: 10, total: 4 }], 10), true)
  pages.want([0])
  expect(pages.append(line(11))).toBe(true)
  await asked[0]?.answer(lines(2, 5, 9)) // one fewer than was counted
  expect([pages.lineCount, source.recounted.mock.calls.length]).toEqual([4, 1])
  pages.want([3])
  await asked[1]?.answer(lines(2, 5, 9, 11))
  expect([pages.entry(3)?.sequence, pages.indexOf(6)]).toEqual([11, 2])
})

test('the place of a line is looked up once, however many ask', async () => {
  const { pages, asked } = slow(new BucketPlan([{ from: 1, to: 10, total: 3 }], 10), true)
  const places = [pages.placeOf(5), pages.placeOf(6)]
  await asked[0]?.answer(lines(2, 5, 9))
  expect(await Promise.all(places)).toEqual([
    { page: 0, offset: 1 },
    { page: 0, offset: 2 },
  ])
  expect(asked.length).toBe(1)
})

test('nothing is told after the end of their life, nor asked for', async () => {
  const { pages, asked, source, life } = slow(new SequencePlan(1, 2), false)
  pages.want([0])
  life.abort()
  await asked[0]?.answer(lines(1, 2))
  pages.want([0])
  expect([pages.entry(0), source.loaded.mock.calls.length, asked.length]).toEqual([undefined, 0, 1])
})

test('another life of the journal is told, and its lines are not taken', async () => {
  const { pages, asked, source } = slow(new SequencePlan(1, 2), false)
  pages.want([0])
  await asked[0]?.answer(lines(1, 2), 'e2')
  expect([pages.entry(0), source.restart.mock.calls.length]).toEqual([undefined, 1])
})
