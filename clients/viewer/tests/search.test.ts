import { expect, it } from 'vitest'
import { MARKS_MAX, marked } from '../src/data/search'

const matches = (text: string, q: string) =>
  marked(text, q)
    .filter((part) => part.isMatch)
    .map((part) => part.text)

it('marks every place, whatever the case', () => {
  expect(matches('Error: an ERROR is an error', 'error')).toEqual(['Error', 'ERROR', 'error'])
  expect(matches('aaaa', 'aa')).toEqual(['aa', 'aa'])
  expect(matches('뮤텍스 잠금', '텍스')).toEqual(['텍스'])
})

it('loses nothing of the text', () => {
  for (const [text, q] of [
    ['abc', 'b'],
    ['', 'x'],
    ['abc', ''],
    ['İstanbul error', 'error'],
  ] as const) {
    expect(
      marked(text, q)
        .map((part) => part.text)
        .join(''),
    ).toBe(text)
  }
})

it('marks no more places than a page can hold', () => {
  expect(matches('a'.repeat(50_000), 'a')).toHaveLength(MARKS_MAX)
})
