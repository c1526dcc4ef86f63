import { expect, it } from 'vitest'
import { marked, plain } from '../src/data/search'

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

it('leaves control characters out', () => {
  expect(plain('\x1b[31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x07\x00')).toBe('red link')
})
