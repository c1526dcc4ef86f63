import { expect, test } from 'vitest'
import { RowModel, type RowPlace } from '../../src/log/row-model'

const shown = (rows: RowModel<string>) =>
  Array.from({ length: rows.rowCount }, (_, row) => rows.at(row)).map((place: RowPlace<string>) =>
    place.kind === 'line' ? place.index : place.notice,
  )

test('rows are lines, without what is hidden, with notices in front of theirs', () => {
  const rows = RowModel.of(
    8,
    [{ from: 2, to: 5 }],
    [
      { at: 0, notice: 'a' },
      { at: 6, notice: 'b' },
      { at: 8, notice: 'end' },
    ],
  )
  expect(shown(rows)).toEqual(['a', 0, 1, 5, 'b', 6, 7, 'end'])
  for (const index of [0, 1, 5, 6, 7]) expect(rows.at(rows.rowOf(index))).toEqual({ kind: 'line', index })
  expect(rows.at(rows.rowOf(3))).toEqual({ kind: 'line', index: 1 })
})

test('nested and overlapping folds hide each line once; a notice inside stands where the fold is', () => {
  const rows = RowModel.of(
    10,
    [
      { from: 3, to: 4 },
      { from: 1, to: 6 },
      { from: 5, to: 8 },
    ],
    [{ at: 4, notice: 'inside' }],
  )
  expect(shown(rows)).toEqual([0, 'inside', 8, 9])
})

test('a model of random folds and notices says the same as a list', () => {
  let seed = 7
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed % below
  }
  for (let round = 0; round < 200; round++) {
    const count = random(30)
    const hidden = Array.from({ length: random(4) }, () => ({ from: random(30), to: random(35) }))
    const notices = Array.from({ length: random(4) }, (_, at) => ({ at: random(count + 1), notice: `n${at}` }))
    const rows = RowModel.of(count, hidden, notices)
    const expected: (number | string)[] = []
    const sorted = [...notices].sort((a, b) => a.at - b.at)
    for (let index = 0; index <= count; index++) {
      expected.push(...sorted.filter(({ at }) => at === index).map(({ notice }) => notice))
      if (index < count && !hidden.some(({ from, to }) => from <= index && index < to)) expected.push(index)
    }
    expect(shown(rows)).toEqual(expected)
    for (const line of expected)
      if (typeof line === 'number') expect(rows.at(rows.rowOf(line))).toEqual({ kind: 'line', index: line })
  }
})

test('growing keeps everything where it was', () => {
  const rows = RowModel.of(3, [], [{ at: 3, notice: 'offline' }])
  expect(shown(rows.grown(5))).toEqual([0, 1, 2, 'offline', 3, 4])
  expect(shown(rows)).toEqual([0, 1, 2, 'offline'])
})
