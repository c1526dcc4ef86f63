import { paint } from 'otto-logs/ansi'
import { expect, test } from 'vitest'

const E = '\x1b['

test('text without escapes is its own', () => {
  expect(paint('plain <b>text</b>')).toEqual({ text: 'plain <b>text</b>', spans: [] })
})

test('sixteen colours and attributes become classes', () => {
  expect(paint(`${E}1;31mred${E}0m not`)).toEqual({
    text: 'red not',
    spans: [{ start: 0, end: 3, classes: 'ansi-bold ansi-fg-1' }],
  })
  expect(paint(`${E}97;104mx`).spans[0]?.classes).toBe('ansi-fg-15 ansi-bg-12')
  expect(paint(`${E}7mx`).spans[0]?.classes).toBe('ansi-fg-ground ansi-bg-text')
})

test('256 and true colours become numbers, never text from the line', () => {
  expect(paint(`${E}38;5;208mx`).spans[0]?.color).toBe('rgb(255, 135, 0)')
  expect(paint(`${E}38;5;244mx`).spans[0]?.color).toBe('rgb(128, 128, 128)')
  expect(paint(`${E}48:2:1:2:999mx`).spans[0]?.background).toBe('rgb(1, 2, 255)')
  expect(paint(`${E}38;5;3mx`).spans[0]?.classes).toBe('ansi-fg-3')
})

test('other sequences vanish and other control characters are pictured', () => {
  expect(paint(`${E}2K${E}?25la\x1b]8;;http://x\x07b\x1b]0;title\x1b\\c\x1b(Bd\x07`).text).toBe('abcd\u2407')
  expect(paint(`broken ${E}`).text).toBe('broken ')
})
