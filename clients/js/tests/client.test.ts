import { afterEach, beforeEach, expect, test } from 'vitest'
import { createClient } from '../src/client.ts'
import { RoughGateway } from './support/rough-gateway.ts'
import { until } from './support/watch.ts'

let gateway: RoughGateway

beforeEach(async () => {
  gateway = await RoughGateway.start()
})

afterEach(() => gateway.stop())

test('every call of a client goes to its gateway, with its token and headers', async () => {
  const client = createClient({ url: `${gateway.url}/otto`, getToken: () => 'secret', headers: { 'X-Team': 'build' } })
  gateway.ended = true
  const streams = [client.log('a', { tail: 3 }), client.pipeline('b'), client.updates()]
  await until(() => gateway.requests.length === 3)
  gateway.cuts = [{ status: 200, body: '{"exitCode":2}' }]
  expect((await client.summary('a b')).exitCode).toBe(2)
  const logs = '/otto/api/v1/log-streaming'
  expect(gateway.requests.map(({ url }) => url.pathname).sort()).toEqual([
    `${logs}/logs/a%20b/summary`,
    `${logs}/logs/a/stream`,
    `${logs}/pipelines/b/progress`,
    `${logs}/updates`,
  ])
  for (const { headers } of gateway.requests) {
    expect(headers).toMatchObject({ authorization: 'Bearer secret', 'x-team': 'build' })
  }
  for (const stream of streams) stream.close()
})

test('updates are handed out as they come, also after the connection was lost', async () => {
  const updates = createClient({ url: gateway.url, backoff: { min: 1, max: 1 } }).updates()
  const seen: unknown[] = []
  updates.on('logsUpdated', (update) => seen.push(update))
  updates.on('progress', (progress) => seen.push(progress))
  updates.on('incident', ({ incidentId, isOpen }) => seen.push([incidentId, isOpen]))
  await until(() => gateway.open.size === 1)
  gateway.send('event: logsUpdated\ndata: {"type":"workflowExecutionFailed","executionId":"e"}\n\n')
  gateway.send('event: heartbeat\ndata: {}\n\nevent: progress\ndata: {"jobId":"j","progress":5}\n\n')
  await until(() => seen.length === 2)
  gateway.cut()
  await until(() => gateway.requests.length === 2 && gateway.open.size === 1)
  gateway.send('event: progress\ndata: {"jobId":"j","progress":6}\n\n')
  gateway.send('event: incident\ndata: {"incidentId":7,"isOpen":true}\n\n')
  await until(() => seen.length === 4)
  expect(seen).toEqual([
    { type: 'workflowExecutionFailed', executionId: 'e' },
    { jobId: 'j', progress: 5 },
    { jobId: 'j', progress: 6 },
    [7, true],
  ])
  updates.close()
  expect(await updates.closed).toMatchObject({ kind: 'closed', reason: 'CLOSED' })
})
