// @vitest-environment happy-dom
import { expect, it } from 'vitest'
import { languageOf } from '../src/shell/preferences'
import { en } from '../src/words/en'
import { ko } from '../src/words/ko'

function shapeOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return typeof value
  return Object.fromEntries(
    Object.entries(value)
      .sort()
      .map(([key, each]) => [key, shapeOf(each)]),
  )
}

it('says everything in both languages', () => expect(shapeOf(ko)).toEqual(shapeOf(en)))

it('speaks the first of the reader’s languages that it knows', () => {
  expect(languageOf(['fr', 'ko-KR', 'en'])).toBe('ko')
  expect(languageOf(['en-GB', 'ko'])).toBe('en')
  expect(languageOf(['fr'])).toBe('en')
})
