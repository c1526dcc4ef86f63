/** Which tabs a leader can serve from what it has kept: never with a hole. */
import { expect, test } from 'vitest'
import { Shelf } from '../src/shelf.ts'
import type { LogEntry } from '../src/types.ts'
import { EPOCH, lines } from './support/rough-gateway.ts'

const entries = (count: number, from = 1) => lines(count, from) as unknown as LogEntry[]
const numbers = (found: LogEntry[] | undefined) => found?.map((entry) => entry.sequence)

test('whoever is behind what is kept is refused, and nobody else', () => {
  const shelf = new Shelf(2, undefined, undefined)
  shelf.epoch = EPOCH
  shelf.add(entries(4))
  expect(numbers(shelf.behind(undefined, undefined))).toEqual([1, 2, 3, 4])
  shelf.add(entries(1, 5))
  expect(shelf.behind(undefined, undefined)).toBeUndefined()
  expect(shelf.behind(`${EPOCH}-2`, undefined)).toBeUndefined()
  expect(numbers(shelf.behind(`${EPOCH}-3`, undefined))).toEqual([4, 5])
})

test('a tail is served as long as all of it is here', () => {
  const shelf = new Shelf(2, undefined, 4)
  expect(numbers(shelf.behind(undefined, 4))).toEqual([])
  expect(shelf.behind(undefined, 3)).toBeUndefined()
  shelf.add(entries(3, 7))
  expect(numbers(shelf.behind(undefined, 4))).toEqual([7, 8, 9])
  expect(numbers(shelf.behind(undefined, 2))).toEqual([8, 9])
  shelf.add(entries(2, 10))
  expect(shelf.behind(undefined, 4)).toBeUndefined()
  expect(numbers(shelf.behind(undefined, 2))).toEqual([10, 11])
})

test('a gap is told by the gateway alone, so nobody in front of it is served', () => {
  const shelf = new Shelf(10, undefined, undefined)
  shelf.add(entries(2))
  shelf.miss({ from: 3, to: 6, reason: 'retention' })
  shelf.add(entries(1, 7))
  expect(shelf.behind(`${EPOCH}-2`, undefined)).toBeUndefined()
  expect(numbers(shelf.behind(`${EPOCH}-6`, undefined))).toEqual([7])
  const tail = new Shelf(10, undefined, 5)
  tail.add(entries(2))
  tail.miss({ from: 3, to: 6, reason: 'retention' })
  expect(tail.behind(undefined, 5)).toBeUndefined()
})

test('another life of the journal begins with its first line', () => {
  const shelf = new Shelf(10, `${EPOCH}-8`, undefined)
  expect(shelf.behind(`${EPOCH}-7`, undefined)).toBeUndefined()
  shelf.restart('0000bbbb')
  shelf.add(entries(2))
  expect(numbers(shelf.behind(`${EPOCH}-9`, undefined))).toEqual([1, 2])
  expect(numbers(shelf.behind('0000bbbb-1', undefined))).toEqual([2])
})
