import { afterEach, describe, expect, it, vi } from 'vitest'
import { documentOf, expressionOf, fieldOf, formOf, NEW_RULE, type RuleDocument } from '../src/data/alert-rules'
import { windowFieldOf, windowOf } from '../src/data/alert-windows'
import { type AlertLine, excerptsOf, type Incident, incidentsOf, isOff, stateOf, titleOf } from '../src/data/alerts'
import { RequestError } from '../src/data/requests'
import { conditionText } from '../src/pages/alerts/condition-text'
import { en } from '../src/words/en'

const line = (taskId: string, sequence: number): AlertLine => ({
  taskId,
  sequence,
  workerId: 'w',
  level: 'ERROR',
  message: `line ${sequence}`,
})

const incident = (more: Partial<Incident>): Incident => ({
  id: 1,
  rule: 'oom',
  key: 'build-7',
  template: 'out of memory at *',
  count: 3,
  isOpen: true,
  openedAt: '2026-01-01T00:00:00Z',
  firstAt: '2026-01-01T00:00:00Z',
  lastAt: '2026-01-01T00:00:00Z',
  resolvedAt: null,
  resolution: null,
  resolvedBy: '',
  mutedUntil: null,
  mutedBy: '',
  notifications: 1,
  lines: [line('build-7', 12)],
  ...more,
})

afterEach(() => vi.unstubAllGlobals())

describe('incidents', () => {
  it('come open ones first, in pages; of which task, the gateway decides', async () => {
    const open = Array.from({ length: 250 }, (_, n) => incident({ id: 300 - n }))
    const pages: Record<string, unknown> = {
      'state=open&limit=200&task=BUILD': { incidents: open.slice(0, 200), next: '101' },
      'state=open&limit=200&task=BUILD&cursor=101': { incidents: open.slice(200), next: '51' },
      'state=resolved&limit=200&task=BUILD': { incidents: [incident({ id: 8, isOpen: false })], next: null },
    }
    vi.stubGlobal('fetch', async (address: string) => Response.json(pages[address.split('?')[1] ?? '']))
    const query = { state: '', rule: '', task: 'BUILD', limit: 250 } as const
    const found = await incidentsOf(query, new AbortController().signal)
    expect([found.incidents.map(({ id }) => id), found.hasMore]).toEqual([[...open.map(({ id }) => id), 8], true])
  })

  it('are muted until a time, as long as they are open', () => {
    const at = Date.parse('2026-01-01T01:00:00Z')
    const mutedUntil = '2026-01-01T02:00:00Z'
    expect(stateOf(incident({ mutedUntil }), at)).toBe('muted')
    expect(stateOf(incident({ mutedUntil }), at + 3_600_000)).toBe('open')
    expect(stateOf(incident({ mutedUntil, isOpen: false }), at)).toBe('resolved')
  })

  it('are named by what their lines have in common, or by what was noticed', () => {
    expect(titleOf(incident({}))).toBe('out of memory at *')
    expect(titleOf(incident({ template: 'silent' }))).toBe('line 12')
    expect(titleOf(incident({ template: '', lines: [] }))).toBe('')
  })

  it('show lines with those around them, what overlaps once, and what is no line alone', () => {
    const found = excerptsOf([line('b', 20), line('a', 14), line('a', 1), line('a', 10), line('c', 0)], 2)
    expect(found.map(({ taskId, from, to, lines }) => [taskId, from, to, lines.length])).toEqual([
      ['a', 1, 3, 1],
      ['a', 8, 16, 2],
      ['b', 18, 22, 1],
      ['c', 0, 0, 1],
    ])
  })

  it('are off where the gateway says so, not where it is out of order', () => {
    expect(isOff(new RequestError(503, 'UNAVAILABLE', 'alerts are off: set ALERT_RULES to a file'))).toBe(true)
    expect(isOff(new RequestError(503, 'UNAVAILABLE', 'the database is locked'))).toBe(false)
  })
})

describe('a rule', () => {
  const RULES: RuleDocument[] = [
    { name: 'a', filter: 'x -y', notify: [] },
    { name: 'b', when: 'count', count: 20, within: '5m', filter: 'x', group: 'rule', notify: ['team'] },
    { name: 'c', when: 'silent', for: '1h', tasks: ['main-*', 'release-*'], labels: ['repo=shop'], notify: [] },
    { name: 'd', when: 'failed', cooldown: '1h', notifications_per_hour: 3, severity: 'info', notify: [] },
  ]

  it.each(RULES)('is the same behind the form: $name', (rule) => expect(documentOf(formOf(rule), rule)).toEqual(rule))

  it('sends only what its condition has', () => {
    const form = { ...NEW_RULE, name: ' late ', when: 'running', filter: 'left over', for: '4h' } as const
    expect(documentOf(form)).toEqual({ name: 'late', when: 'running', for: '4h', notify: [] })
  })

  it('leaves to the gateway what it takes for wrong', () => {
    expect(documentOf({ ...NEW_RULE, name: 'n', when: 'count', count: 'many', filter: '' })).toEqual({
      name: 'n',
      when: 'count',
      count: 'many',
      within: '5m',
      filter: '',
      notify: [],
    })
    const error = (field: string) => new RequestError(400, 'INVALID_ARGUMENT', 'no', field)
    expect([fieldOf(error('rule.within')), fieldOf(error('rule'))]).toEqual(['within', ''])
  })

  it('has one expression for the fields of its filter', () => {
    expect(expressionOf({ keywords: ['OutOfMemory', 'Killed process'] })).toBe('OutOfMemory OR "Killed process"')
    expect(expressionOf({ keywords: ['a', 'b'], levels: 'ERROR', expression: 'c OR d' })).toBe(
      '(a OR b) level:ERROR (c OR d)',
    )
    expect(expressionOf({ keywords: ['-x', 'say "hi"', 'AND'] })).toBe('"-x" OR "say \\"hi\\"" OR "AND"')
    const times = { keywords: ['a'], startTime: '2026-01-01T00:00:00Z' }
    expect(documentOf(formOf({ name: 't', filter: times }), { name: 't', filter: times }).filter).toEqual({
      startTime: '2026-01-01T00:00:00Z',
      expression: 'a',
    })
  })

  it('is said in plain words', () => {
    expect(RULES.map((rule) => conditionText(rule, en))).toEqual([
      'A line matches x -y in all tasks',
      '20 lines within 5m match x in all tasks',
      'A running task has no line for 1h in main-*, release-* with repo=shop',
      'A task fails in all tasks',
    ])
  })
})

it('a maintenance window is once, in UTC, or of the week, by its own clock', () => {
  const form = {
    name: 'move',
    kind: 'once',
    from: '2026-01-01T20:00',
    to: 'x',
    days: ['sat'],
    time_zone: 'UTC',
  } as const
  const more = { rules: '*', tasks: 'build-*, web-*', description: '', days: ['sat'] }
  expect(windowOf({ ...form, ...more })).toEqual({
    name: 'move',
    rules: ['*'],
    tasks: ['build-*', 'web-*'],
    from: new Date('2026-01-01T20:00').toISOString(),
    to: 'x',
  })
  const weekly = windowOf({ ...form, ...more, kind: 'weekly', from: '22:00', to: '06:00' })
  expect(weekly.weekly).toEqual({ from: '22:00', to: '06:00', days: ['sat'], time_zone: 'UTC' })
  const refusal = new RequestError(400, 'INVALID_ARGUMENT', 'window move: `to` is no time')
  expect(windowFieldOf(refusal)).toBe('to')
})
