// @vitest-environment happy-dom
// Lines that are made to freeze the page: 64 KiB each, the most that the gateway passes on.

import { paint, plain, SPANS_MAX } from 'otto-logs/ansi'
import { expect, test } from 'vitest'
import { MARKS_MAX, marked } from '../../src/data/search'
import { markerOf } from '../../src/log/folds'
import { drawRow, type RowLook } from '../../src/log/row-view'
import { occurrences } from '../../src/log/search-state'
import { Clock } from '../../src/log/times'
import { en } from '../../src/words/en'
import { log } from '../../src/words/log/en'

declare const process: { cpuUsage(before?: { user: number; system: number }): { user: number; system: number } }

const LINE = 64 * 1024
const E = '\x1b['
const UNITS = [
  ...['\r', '\b', '\t', '\n', ' ', '\x00', '\x1b', '\x9b', '\x18', 'a', '한', '👩‍👩‍👧', '\ud800', '\u0301', '\u202e'],
  ...['\x1b]', '\x1bP', '\x1b_', '\x1b]0;a', '\x1b7', '\x1b8', '\x1bD', '\x1bM', '\x1bc', '\x1b(', '9;', ':', '9'],
  ...['', '1', '1;', '38;5', '31m', '38:2:', '999C', '999Gx', '999B', 'A', 'K', '1K', '2K', 'J', '1J', '2J', '@'].map(
    (a) => E + a,
  ),
  ...[`x${E}P`, `x${E}999@`, `x${E}999X`, `x${E}1K`, `x\n${E}H`, `\n${E}999Gx`, `${E}31ma${E}32mb`, `a\r`, `ab\b`],
  ...['::group::', '##[group]', 'section_start:1:a', 'section_start:1:a[', '[collapsed=true,', `\r${E}0K`, 'İ'],
]
const PREFIXES = ['', 'section_start:1:a[']

const look: RowLook = {
  t: { ...en, log }.log as RowLook['t'],
  clock: new Clock('absolute', 'en', null),
  now: 0,
  search: 'a',
  terms: ['b', 'x'],
  match: null,
  hasWorkers: true,
  hasSources: true,
  repository: '',
  incidentsAt: () => [],
  incidentText: (rules) => rules,
  isChosen: () => false,
  isActive: () => false,
}

/** Everything that the pages do with a message to show it. */
function show(message: string): HTMLElement {
  const entry = { sequence: 1, message, level: 'INFO', source: 'stdout', workerId: 'w', taskId: 't', timestamp: '' }
  const element = document.createElement('div')
  const group = markerOf(message) ? { start: 1, end: 2, name: '', depth: 0, isShown: true } : undefined
  drawRow(element, { kind: 'line', index: 0, entry: entry as never, group, isFolded: true, folded: 1 }, 0, look)
  return element
}

/** What is computed for it, without the elements, whose number has a bound of its own. */
function prepare(message: string): void {
  markerOf(message)
  paint(message)
  occurrences(plain(message), 'nowhere', 1)
  occurrences(message, 'a')
  marked(message, 'a')
}

function cpuSeconds(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user } = process.cpuUsage(before)
  return user / 1e6
}

const repeated = (prefix: string, unit: string, length: number) =>
  (prefix + unit.repeat(Math.ceil(length / unit.length))).slice(0, length)

test('a row has a bounded number of elements, whatever its line holds', () => {
  for (const unit of UNITS) {
    const element = show(repeated('', unit, LINE))
    expect(element.querySelectorAll('*').length, JSON.stringify(unit)).toBeLessThan(2 * SPANS_MAX + 2 * MARKS_MAX + 50)
    expect(element.textContent?.length ?? 0, JSON.stringify(unit)).toBeLessThan(21_000)
  }
})

test('what a line costs grows with its length and no faster', () => {
  const parts = 8
  for (const prefix of PREFIXES) {
    for (const unit of UNITS) {
      const [short, long] = [repeated(prefix, unit, LINE / parts), repeated(prefix, unit, LINE)]
      const linear = cpuSeconds(() => {
        for (let again = 0; again < parts; again++) prepare(short)
      })
      // What is quadratic takes 8 times as long, and seconds in this size; the rest is for the garbage collector.
      expect(
        cpuSeconds(() => prepare(long)),
        JSON.stringify([prefix, unit]),
      ).toBeLessThan(3 * linear + 0.5)
    }
  }
})

test('random lines are shown', () => {
  let state = 1
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  for (let lines = 0; lines < 300; lines++) {
    let message = ''
    for (let length = random(60); length > 0; length--) message += UNITS[random(UNITS.length)]
    expect(show(message).querySelectorAll('script, img, a')).toHaveLength(0)
  }
})
