import { expect, test } from 'vitest'
import { partsWithHits } from '../../src/log/hits'

test('the lane is marked where there are places, in the proportion of the log', () => {
  const lane = (sequences: number[], rows = 1000) => partsWithHits(sequences, rows, (row) => row + 1, 10)
  expect(lane([1, 2, 3, 550, 1000])).toEqual([0, 5, 9])
  expect(lane([])).toEqual([])
  expect(lane([2], 3)).toHaveLength(1)
})
