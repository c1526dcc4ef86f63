import { expect, test } from 'vitest'
import { anchorAt, contentHeight, movedBy, SCROLL_PIXELS_MAX, topOf } from '../../src/log/scroll-scale'

test('while nothing is scaled the bar is exact', () => {
  const extent = { rowCount: 1000, rowHeight: 20, viewport: 400 }
  expect(contentHeight(extent)).toBe(20_000)
  expect(anchorAt(1234, extent).row).toBe(61)
  expect(anchorAt(1234, extent).offset).toBeCloseTo(14)
  expect(topOf({ row: 61, offset: 14 }, extent)).toBeCloseTo(1234)
})

test('ten million rows fit under what browsers allow, and both ends are reached', () => {
  const extent = { rowCount: 10_000_000, rowHeight: 20, viewport: 400 }
  expect(contentHeight(extent)).toBe(SCROLL_PIXELS_MAX)
  expect(anchorAt(0, extent)).toEqual({ row: 0, offset: 0 })
  expect(anchorAt(SCROLL_PIXELS_MAX - 400, extent).row).toBe(9_999_980)
  const middle = { row: 5_000_000, offset: 0 }
  expect(Math.abs(anchorAt(topOf(middle, extent), extent).row - middle.row)).toBeLessThan(3)
})

test('small steps move by exact pixels over rows of any height', () => {
  const height = (row: number) => (row % 2 ? 60 : 20)
  expect(movedBy({ row: 4, offset: 0 }, 85, 100, height)).toEqual({ row: 6, offset: 5 })
  expect(movedBy({ row: 6, offset: 5 }, -85, 100, height)).toEqual({ row: 4, offset: 0 })
  expect(movedBy({ row: 1, offset: 0 }, -1000, 100, height)).toEqual({ row: 0, offset: 0 })
})
