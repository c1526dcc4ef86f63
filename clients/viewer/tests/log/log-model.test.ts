import { GatewayError } from 'otto-logs'
import { expect, test, vi } from 'vitest'
import { LogModel } from '../../src/log/log-model'

test('a search that fails says so, and one that succeeds later takes it back', async () => {
  const matches = vi.fn().mockRejectedValueOnce(new GatewayError('RESOURCE_EXHAUSTED', 'too many searches'))
  const model = new LogModel({ options: { url: '' }, stored: { matches } as never, taskId: 't' })
  await model.find('x')
  expect(model.search.value).toMatchObject({ failure: 'too many searches', isKnown: false })
  expect(model.searchVersion.value).toBe(1)
  matches.mockResolvedValueOnce({ total: 1, sequences: [7], isComplete: true, lastSequence: 9 })
  await model.find('x')
  expect(model.search.value).toMatchObject({ failure: '', isKnown: true, total: 1 })
  model.close()
})
