import { expect, test } from 'vitest'
import { Folds, markerOf } from '../../src/log/folds'

test('markers of both families are known, behind colours too', () => {
  expect(markerOf('::group::Install it')).toMatchObject({ kind: 'start', name: '', title: 'Install it' })
  expect(markerOf('##[endgroup]')).toMatchObject({ kind: 'end' })
  expect(markerOf('\x1b[0Ksection_start:1560896352:my_section[collapsed=true]\r\x1b[0KHeader')).toEqual({
    kind: 'start',
    name: 'my_section',
    title: 'Header',
    isCollapsed: true,
  })
  expect(markerOf('section_end:1560896353:my_section\r\x1b[0K')).toMatchObject({ kind: 'end', name: 'my_section' })
})

test('a marker in the middle of a line is none', () => {
  expect(markerOf('echo "::group::x"')).toBeNull()
  expect(markerOf('section_start:soon:x')).toBeNull()
})

test('folding hides what is behind the head up to the end, nested groups too', () => {
  const folds = new Folds()
  const group = (title: string) => markerOf(`::group::${title}`) as never
  folds.add(10, group('outer'))
  folds.add(12, group('inner'))
  folds.add(15, markerOf('::endgroup::') as never)
  folds.add(20, markerOf('::endgroup::') as never)
  folds.add(30, group('open'))
  folds.toggle(10)
  folds.toggle(30)
  expect(folds.hidden(99)).toEqual([
    { from: 11, to: 20 },
    { from: 31, to: 99 },
  ])
  expect(folds.group(12)).toMatchObject({ end: 15, depth: 1 })
  expect(folds.reveal(13)).toBe(true)
  expect(folds.isFolded(10)).toBe(false)
})

test('an outer section closes what was left open inside, and an end without a start is nothing', () => {
  const folds = new Folds()
  expect(folds.add(1, markerOf('section_end:1:x') as never)).toBe(false)
  folds.add(2, markerOf('section_start:1:a') as never)
  folds.add(3, markerOf('section_start:1:b[collapsed=true]') as never)
  folds.add(9, markerOf('section_end:1:a') as never)
  expect([...folds.groups].map(({ end }) => end)).toEqual([9, 9])
  expect(folds.isFolded(3)).toBe(true)
  expect(folds.add(3, markerOf('section_start:1:b') as never)).toBe(false)
})

test('under a filter a group folds where its head is shown and its end is known, and none is folded at first', () => {
  const folds = new Folds()
  const group = (title: string) => markerOf(`::group::${title}`) as never
  const end = markerOf('::endgroup::') as never
  folds.clear(true)
  folds.add(1, group('left out'), false)
  folds.add(5, end)
  folds.add(10, group('shown'))
  folds.add(15, end)
  folds.add(16, markerOf('section_start:1:x[collapsed=true]\r\x1b[0KCollapsed') as never)
  folds.add(18, markerOf('section_end:2:x\r\x1b[0K') as never)
  folds.add(20, group('open'))
  expect([...folds.folded]).toEqual([])
  expect([1, 10, 16, 20].map((start) => folds.group(start)?.end)).toEqual([undefined, 15, 18, undefined])
  expect([1, 10, 20].map((start) => folds.toggle(start))).toEqual([false, true, false])
  folds.setAll(true)
  expect([...folds.folded]).toEqual([10, 16])
})
