import { expect, test } from 'vitest'
import { occurrences, SearchState } from '../../src/log/search-state'

const known = () => {
  const search = new SearchState('Err')
  search.take({ total: 3, sequences: [5, 50, 500], isComplete: true, lastSequence: 600 })
  return search
}

test('next and previous go around, beginning where the reader is', () => {
  const search = known()
  expect(search.next(40)).toBe(50)
  expect(search.next(0)).toBe(500)
  expect(search.next(0)).toBe(5)
  expect(search.previous(0)).toBe(500)
  expect(search.ordinal).toBe(3)
  search.leave()
  expect(search.previous(49)).toBe(5)
})

test('live lines count once, whatever the case', () => {
  const search = known()
  expect(search.see(600, 'an ERROR')).toBe(false)
  expect(search.see(601, 'an ERROR')).toBe(true)
  expect(search.see(601, 'an ERROR')).toBe(false)
  expect(search.see(602, 'fine')).toBe(false)
  expect([search.total, search.next(601)]).toEqual([4, 601])
})

test('lines that came while the gateway looked are neither lost nor doubled', () => {
  const search = new SearchState('x')
  search.see(10, 'x')
  search.see(12, 'x')
  search.take({ total: 2, sequences: [3, 10], isComplete: true, lastSequence: 11 })
  expect(search.total).toBe(3)
  expect(search.next(11)).toBe(12)
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
