import { GatewayError } from 'otto-logs'
import { expect, test, vi } from 'vitest'
import { followLog } from '../../src/log/live-log'
import { LogModel } from '../../src/log/log-model'

vi.mock('../../src/log/live-log', () => ({ followLog: vi.fn(() => () => {}) }))

const line = (sequence: number) =>
  ({ sequence, message: `${sequence}`, level: 'INFO', source: 'stdout', workerId: 'w', timestamp: '' }) as never
const counted = (levels: object) => ({ levels, buckets: [], total: 0, firstSequence: 1, lastSequence: 2, epoch: 'e' })

function source(more: object) {
  const page = {
    epoch: 'e',
    entries: [line(1), line(2)],
    gaps: [],
    firstSequence: 1,
    lastSequence: 2,
    status: 'RUNNING',
  }
  const history = vi.fn().mockResolvedValue(page)
  const counts = vi.fn().mockResolvedValue(counted({ INFO: 2 }))
  const matches = vi.fn().mockResolvedValue({ total: 0, sequences: [], isComplete: true, lastSequence: 2 })
  return { options: { url: '' }, taskId: 't', stored: { history, counts, matches, ...more } as never }
}

test('a lost connection stands behind the last line that was received before', async () => {
  const model = new LogModel(source({}))
  await model.open({})
  const heard = vi.mocked(followLog).mock.calls[0]![3]
  heard.state('waiting')
  heard.entries([line(3)]) // it had waited for a frame
  const kinds = Array.from({ length: model.rowCount }, (_, row) => model.row(row).kind)
  expect(kinds).toEqual(['line', 'line', 'line', 'notice'])
  model.close()
})

test('levels that the filter leaves out keep their numbers', async () => {
  const counts = vi.fn(async (_: string, { filter }: { filter: { levels?: string[] } }) =>
    counted(filter.levels ? { ERROR: 2 } : { ERROR: 2, INFO: 7, FATAL: 1 }),
  )
  const model = new LogModel(source({ counts }))
  await model.open({ levels: ['ERROR'] })
  await vi.waitFor(() => expect(model.counts.value.allLevels).toEqual({ ERROR: 2, INFO: 7, FATAL: 1 }))
  expect(model.counts.value.levels).toEqual({ ERROR: 2 })
  model.close()
})

test('a search that fails says so, and one that succeeds later takes it back', async () => {
  const matches = vi.fn().mockRejectedValueOnce(new GatewayError('RESOURCE_EXHAUSTED', 'too many searches'))
  const model = new LogModel({ options: { url: '' }, stored: { matches } as never, taskId: 't' })
  await model.find('x')
  expect(model.search.value).toMatchObject({ failure: 'too many searches', isKnown: false })
  matches.mockResolvedValueOnce({ total: 1, sequences: [7], isComplete: true, lastSequence: 9 })
  await model.find('x')
  expect(model.search.value).toMatchObject({ failure: '', isKnown: true, total: 1 })
  model.close()
})
