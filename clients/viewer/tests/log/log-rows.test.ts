import { type Signal, signal } from '@preact/signals'
import { expect, it, vi } from 'vitest'
import { LogRows } from '../../src/log/log-rows'
import { viewState } from '../../src/log/view-state'
import { timeZone } from '../../src/shell/preferences'

function made() {
  const model = {
    row: (row: number) => ({ kind: 'line', index: row, entry: { sequence: row + 1 } }),
    search: signal(null),
    startTimestamp: signal(null),
    lastTimestamp: signal(null),
    workers: signal(['w']),
    want: vi.fn(),
    sequenceAt: (row: number) => row + 1,
  }
  const view = signal(viewState(new URLSearchParams()))
  const activeRow = signal<number | null>(null)
  const seen = vi.fn()
  const words = { t: {}, language: 'en' }
  const incidents = { at: (): unknown[] => [] }
  const rows = new LogRows({ model, view, activeRow, incidents, words: () => words, seen } as never)
  return { model, view, activeRow, incidents, seen, words, rows }
}

it('has another key for a row that looks different, and the same for one that does not', () => {
  const { rows, view, activeRow, incidents } = made()
  rows.changed()
  const before = [rows.key(0), rows.key(1)]
  activeRow.value = 1
  view.value = { ...view.value, lines: { from: 1, to: 1 } }
  rows.changed()
  expect([rows.key(0) === before[0], rows.key(1) === before[1]]).toEqual([false, false])
  activeRow.value = null
  expect(rows.key(1)).toBe(before[1])
  incidents.at = () => [{ incident: { id: 7 } }]
  expect(rows.key(1)).not.toBe(before[1])
})

it('has other keys for all rows in another language', () => {
  const { rows, words } = made()
  rows.changed()
  const before = rows.key(0)
  words.language = 'ko'
  rows.changed()
  expect(rows.key(0)).not.toBe(before)
})

it('has times with days where the log goes past midnight in the chosen zone, and only there', () => {
  const { rows, model } = made()
  const [start, last] = [model.startTimestamp, model.lastTimestamp] as unknown as Signal<string>[]
  const keyIn = (zone: string) => {
    timeZone.value = zone
    rows.changed()
    return rows.key(0)
  }
  const shown = (zone: string) => {
    start!.value = last!.value = '2026-09-21T14:30:00Z'
    const before = keyIn(zone)
    last!.value = '2026-09-21T15:30:00Z'
    return keyIn(zone) !== before
  }
  expect([shown('Asia/Seoul'), shown('UTC')]).toEqual([true, false])
  timeZone.value = ''
})

it('asks for the lines of the screen, and says which they are', () => {
  const { rows, model, seen } = made()
  rows.want(3, 8)
  expect([model.want.mock.lastCall, seen.mock.lastCall]).toEqual([
    [3, 8],
    [4, 9],
  ])
})
