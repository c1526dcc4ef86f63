import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openPipeline, type PipelineStream } from '../src/index.ts'
import { until } from './support/watch.ts'

let server: Server
let pipeline: PipelineStream
let asked: string[]
let open: ServerResponse | undefined
let said: unknown[]

/** The gateway tells a stage as the transition with this number. */
const tell = (number: number, stageId: string, progressPercentage: number, epoch = '0000aaaa') => {
  const data = JSON.stringify({ pipelineId: 'a/b', stageId, status: 'RUNNING', progressPercentage })
  open!.write(`id: ${epoch}-${number}\nevent: progress\ndata: ${data}\n\n`)
}

beforeEach(async () => {
  asked = []
  said = []
  server = createServer((request, response) => {
    asked.push(request.url!)
    open = response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    open.flushHeaders()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  pipeline = openPipeline({ url, pipelineId: 'a/b', backoff: { min: 1, max: 5 } })
  pipeline.on('progress', (stage) => said.push([stage.stageId, stage.progressPercentage]))
  pipeline.on('restart', (restart) => said.push(['restart', restart.epoch]))
  await until(() => pipeline.state.kind === 'open')
})

afterEach(async () => {
  pipeline.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

/** The connection is lost, and there is another one. */
async function cut(): Promise<void> {
  const count = asked.length
  open!.destroy()
  await until(() => asked.length > count && pipeline.state.kind === 'open')
}

test('stages keep the order in which they came, and the last word of each counts', async () => {
  tell(1, 'fetch', 0)
  tell(2, 'build', 10)
  tell(3, 'fetch', 100)
  await until(() => said.length === 3)
  expect(pipeline.stages.map((stage) => [stage.stageId, stage.progressPercentage])).toEqual([
    ['fetch', 100],
    ['build', 10],
  ])
})

test('it resumes behind the last transition, and what comes twice is told once', async () => {
  tell(1, 'fetch', 0)
  tell(2, 'fetch', 50)
  await until(() => said.length === 2)
  await cut()
  tell(2, 'fetch', 50)
  tell(3, 'fetch', 100)
  await until(() => said.length === 3)
  expect(said).toEqual([
    ['fetch', 0],
    ['fetch', 50],
    ['fetch', 100],
  ])
  const path = '/api/v1/log-streaming/pipelines/a%2Fb/progress'
  expect(asked).toEqual([path, `${path}?after=0000aaaa-2`])
})

test('another life of the journal begins without stages', async () => {
  tell(9, 'fetch', 100)
  await until(() => said.length === 1)
  await cut()
  tell(1, 'build', 5, '0000bbbb')
  await until(() => said.length === 3)
  expect(said.slice(1)).toEqual([
    ['restart', '0000bbbb'],
    ['build', 5],
  ])
  expect(pipeline.stages.map((stage) => stage.stageId)).toEqual(['build'])
})
