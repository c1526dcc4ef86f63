import { expect, test } from 'vitest'
import { chipsOf, valueTerm, without, withTyped } from '../../src/log/filter-chips'
import { lineRange, viewQuery, viewState } from '../../src/log/view-state'

test('an address holds the whole view and comes back the same', () => {
  const text =
    'level=WARN%2CERROR&keywords=timeout&workerId=w1%2Cw2&source=stderr&startTime=2026-01-01T00%3A00%3A00.000Z&filter=-a+%2Fb%2B%2F&q=x+y&line=120-180&time=elapsed&wrap=1&source-column=1&pipeline=p1'
  expect(viewQuery(viewState(new URLSearchParams(text))).toString()).toBe(text)
})

test('what is wrong in an address is left out, and what is not ours stays', () => {
  const view = viewState(new URLSearchParams('level=loud,warn&startTime=soon&line=x&time=never'))
  expect(view).toMatchObject({ filter: { levels: ['WARN'] }, lines: null, time: 'absolute' })
  expect(viewQuery(view, new URLSearchParams('other=1&q=old')).toString()).toBe('other=1&level=WARN')
})

test('a range of lines reads both ways', () => {
  expect(lineRange('9-3')).toEqual({ from: 3, to: 9 })
  expect(lineRange('7')).toEqual({ from: 7, to: 7 })
  expect(lineRange('0')).toBeNull()
  expect(lineRange('1e9')).toBeNull()
})

test('what is typed narrows the filter, and chips are taken away', () => {
  const address = viewState(new URLSearchParams('workerId=w1,w2&keywords=slow')).filter
  const filter = withTyped(withTyped(address, ' a OR b ') ?? {}, '-"time out"') ?? {}
  expect(chipsOf(filter)).toEqual([
    { kind: 'keyword', value: 'slow' },
    { kind: 'worker', value: 'w1' },
    { kind: 'worker', value: 'w2' },
    { kind: 'expression', value: '(a OR b) -"time out"' },
  ])
  const rest = without(without(filter, { kind: 'worker', value: 'w1' }), { kind: 'expression', value: '' })
  expect(rest).toEqual({ keywords: ['slow'], workerIds: ['w2'] })
  expect(valueTerm('worker', 'w "1"')).toBe('worker:"w \\"1\\""')
  expect(withTyped({}, '  ')).toBeNull()
  expect(withTyped({}, 'from:whenever')).toBeNull()
})
