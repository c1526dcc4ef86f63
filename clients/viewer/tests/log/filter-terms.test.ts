import { expect, test } from 'vitest'
import { marksOf, termsOf } from '../../src/log/filter-terms'

test('the texts that a line may have by its filter are its terms', () => {
  const expression =
    '(Timeout OR "conn \\"x\\"") -retry NOT (a OR -b) level:WARN,"ERROR" worker:w1 trace_id:0af7 /re\\/g/i main.c:12 AND http://h -"z z"'
  expect(termsOf({ keywords: ['slow'], expression })).toEqual([
    'slow',
    'Timeout',
    'conn "x"',
    'b',
    'main.c:12',
    'http://h',
  ])
  expect(termsOf({ expression: '(unfinished "' })).toEqual(['unfinished'])
  expect(termsOf({})).toEqual([])
})

test('each term has its own colour, and what was searched comes first', () => {
  const text = 'a timeout after TIMEOUT: refused'
  expect(marksOf(text, 'after', ['timeout', 'refused', 'time', 'after t'])).toEqual([
    [2, 9, 0],
    [10, 15],
    [16, 23, 0],
    [25, 32, 1],
  ])
})
