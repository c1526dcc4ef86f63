import { expect, it } from 'vitest'
import { executionOf, executionsOf, type NodeRow, ticksOf, totalsOf } from '../src/data/executions'

let id = 0
const row = (over: Partial<NodeRow>): NodeRow => ({
  id: ++id,
  execution_id: 'run',
  script_id: 'script',
  node_id: 'node',
  node_type: null,
  node_name: null,
  status: 'completed',
  started_at: 1000,
  finished_at: 1500,
  execution_time_ms: 500,
  parameters: null,
  result: null,
  error_message: null,
  error_traceback: null,
  ...over,
})

it('spans from the first start to the last end, a running node until now', () => {
  const rows = [
    row({ node_id: 'b', status: 'running', started_at: 2000, finished_at: null, execution_time_ms: null }),
    row({ node_id: 'a' }),
  ]
  const whole = executionOf('run', rows, 5000)
  expect([whole.status, whole.start, whole.end, whole.took]).toEqual(['running', 1000, 5000, 4000])
  expect(whole.runs.map((run) => run.row.node_id)).toEqual(['a', 'b'])
})

it('has failed where a node has, once nothing runs', () => {
  expect(executionOf('run', [row({}), row({ status: 'failed' })], 0)).toMatchObject({ status: 'failed', failed: 1 })
  expect(executionOf('run', [row({})], 0).status).toBe('completed')
})

it('does without times that were not told', () => {
  const whole = executionOf('run', [row({ started_at: null, finished_at: null, execution_time_ms: null })], 9)
  expect([whole.start, whole.took, whole.runs[0]?.took]).toEqual([null, null, null])
  expect(executionOf('run', [row({ finished_at: null })], 9).runs[0]?.end).toBe(1500)
  expect(executionOf('run', [row({ started_at: 'soon', execution_time_ms: 'long' })], 9).runs[0]?.took).toBeNull()
})

it('are listed with the latest first', () => {
  const rows = [
    row({ execution_id: 'old' }),
    row({ execution_id: 'new', started_at: 9000 }),
    row({ execution_id: 'old' }),
  ]
  expect(executionsOf(rows, 0).map((each) => [each.id, each.runs.length])).toEqual([
    ['new', 1],
    ['old', 2],
  ])
})

it('are added up by node, the longest first', () => {
  const rows = [
    row({ node_id: 'a' }),
    row({ node_id: 'a', execution_time_ms: 100, status: 'failed' }),
    row({ node_id: 'b', execution_time_ms: 700 }),
  ]
  expect(totalsOf(executionOf('run', rows, 0).runs)).toEqual([
    { name: 'b', runs: 1, failed: 0, total: 700, longest: 700 },
    { name: 'a', runs: 2, failed: 1, total: 600, longest: 500 },
  ])
})

it('have an axis of round numbers', () => {
  expect(ticksOf(3960, 6)).toEqual([0, 1000, 2000, 3000])
  expect(ticksOf(0, 6)).toEqual([0])
  for (const span of [1, 7, 450, 123_456, 9e9]) {
    const ticks = ticksOf(span, 6)
    expect(ticks.length).toBeLessThanOrEqual(7)
    expect(ticks.at(-1)).toBeLessThanOrEqual(span)
  }
})
