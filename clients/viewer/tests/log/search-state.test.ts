import { expect, test } from 'vitest'
import {
  currentOf,
  occurrences,
  type SearchState,
  searchFor,
  stepped,
  withLines,
  withMatches,
} from '../../src/log/search-state'

const known = withMatches(searchFor('Err'), {
  total: 3,
  sequences: [5, 50, 500],
  isComplete: true,
  lastSequence: 600,
})
const line = (sequence: number, message: string) => ({ sequence, message })
const seen = (search: SearchState, isForward: boolean, ...froms: number[]) => {
  let at = search
  return froms.map((from) => {
    at = stepped(at, isForward, from)
    return currentOf(at)
  })
}

test('next and previous go around, beginning where the reader is', () => {
  expect(seen(known, true, 40, 0, 0)).toEqual([50, 500, 5])
  expect(seen(known, true, 501)).toEqual([5])
  expect(seen(known, false, 49, 0, 0)).toEqual([5, 500, 50])
  expect(seen(known, false, 4)).toEqual([500])
  expect(stepped(searchFor('x'), true, 1)).toEqual(searchFor('x'))
})

test('live lines count once, whatever the case, and the search before is as it was', () => {
  const search = withLines(known, [line(600, 'an ERROR'), line(601, 'an ERROR'), line(602, 'fine')])
  expect(withLines(search, [line(601, 'an ERROR')])).toBe(search)
  expect([search.total, seen(search, true, 601)]).toEqual([4, [601]])
  expect([known.total, known.sequences.length]).toEqual([3, 3])
})

test('more places than are kept are counted, and the list is said to be incomplete', () => {
  const search = withLines(known, [line(601, 'err'), line(602, 'err')], 4)
  expect(search).toMatchObject({ sequences: [5, 50, 500, 601], total: 5, isComplete: false })
})

test('lines that came while the gateway looked are neither lost nor doubled', () => {
  const looking = withLines(searchFor('x'), [line(10, 'x'), line(12, 'x')])
  const search = withMatches(looking, { total: 2, sequences: [3, 10], isComplete: true, lastSequence: 11 })
  expect(search.total).toBe(3)
  expect(seen(search, true, 11)).toEqual([12])
})

test('the place that is looked at stays when the gateway answers anew', () => {
  const looking = stepped(known, true, 40)
  const again = withMatches(looking, { total: 2, sequences: [1, 50], isComplete: true, lastSequence: 600 })
  expect([again.ordinal, currentOf(again)]).toEqual([2, 50])
})

test('occurrences are where the text is, whatever the case, and İ does not shift them', () => {
  expect(occurrences('aXbxx', 'x')).toEqual([
    [1, 2],
    [3, 4],
    [4, 5],
  ])
  expect(occurrences('İx', 'x')).toEqual([])
  expect(occurrences('a.b', '.')).toEqual([[1, 2]])
})
