import { expect, test } from 'vitest'
import { BucketPlan, PAGE_LINES, SequencePlan } from '../../src/log/plan'

test('without a filter an index is a sequence, counted from the first stored one', () => {
  const plan = new SequencePlan(730, 2100)
  expect(plan.lineCount).toBe(1371)
  expect(plan.range(0)).toEqual({ from: 730, to: 1000, total: 271 })
  for (const index of [0, 270, 271, 1370]) {
    const { page, offset } = plan.place(index)
    expect(plan.range(page).from + offset).toBe(730 + index)
    expect(plan.start(page) + offset).toBe(index)
  }
  expect(plan.indexOf(1)).toBe(0)
  expect(plan.indexOf(2100)).toBe(1370)
})

test('live lines grow the last page and begin the next', () => {
  const plan = new SequencePlan(1, PAGE_LINES)
  expect(plan.append(PAGE_LINES)).toBeNull()
  expect(plan.append(PAGE_LINES + 1)).toEqual({ page: 1, offset: 0 })
  expect(plan.lineCount).toBe(PAGE_LINES + 1)
})

test('an empty log is no page', () => {
  const plan = new SequencePlan(1, 0)
  expect([plan.lineCount, plan.pageCount]).toEqual([0, 0])
  expect(plan.append(1)).toEqual({ page: 0, offset: 0 })
})

test('buckets place what passes a filter, and small ones are one page', () => {
  const plan = new BucketPlan(
    [
      { from: 1, to: 1000, total: 200 },
      { from: 1001, to: 2000, total: 300 },
      { from: 2001, to: 3000, total: 1 },
      { from: 3001, to: 4000, total: 400 },
    ],
    4000,
  )
  expect(plan.pageCount).toBe(2)
  expect(plan.lineCount).toBe(901)
  expect(plan.place(499)).toEqual({ page: 0, offset: 499 })
  expect(plan.place(500)).toEqual({ page: 1, offset: 0 })
  expect(plan.pageOf(2500)).toBe(1)
  expect(plan.range(1)).toEqual({ from: 2001, to: 4000, total: 401 })
})

test('a page that was loaded corrects its count, and live lines come behind', () => {
  const plan = new BucketPlan(
    [
      { from: 1, to: 1000, total: 400 },
      { from: 1001, to: 2000, total: 400 },
    ],
    2000,
  )
  expect(plan.correct(0, 390)).toBe(true)
  expect(plan.lineCount).toBe(790)
  expect(plan.place(390)).toEqual({ page: 1, offset: 0 })
  expect(plan.append(2000)).toBeNull()
  expect(plan.append(2007)).toEqual({ page: 1, offset: 400 })
  expect(plan.indexOf(9999)).toBe(791)
})
