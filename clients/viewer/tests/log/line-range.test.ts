import { expect, it, vi } from 'vitest'
import { linesOf } from '../../src/log/line-range'

const page = (sequences: number[], next: string | null) =>
  ({ entries: sequences.map((sequence) => ({ sequence })), hasNext: next !== null, next }) as never

it('reads a range page by page, and nothing behind it', async () => {
  const read = vi
    .fn()
    .mockResolvedValueOnce(page([3, 4], 'e-4'))
    .mockResolvedValueOnce(page([5, 7], 'e-7'))
  const lines = await linesOf({ from: 3, to: 6 }, 'e', read)
  expect(lines.map(({ sequence }) => sequence)).toEqual([3, 4, 5])
  expect(read.mock.calls.map(([query]) => query.after)).toEqual(['e-2', 'e-4'])
})

it('ends where a page leads nowhere', async () => {
  const read = vi.fn().mockResolvedValue(page([1], 'e-0'))
  expect(await linesOf({ from: 1, to: 9 }, 'e', read)).toHaveLength(1)
})
