import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Gateway, gateway, type SearchEvent } from '../src/history.ts'
import type { GatewayOptions } from '../src/index.ts'
import { until } from './support/watch.ts'

let server: Server
let url: string
let asked: { url: string; headers: IncomingMessage['headers'] }[]
let answer: (request: IncomingMessage, response: ServerResponse) => void

beforeEach(async () => {
  asked = []
  server = createServer((request, response) => {
    asked.push({ url: request.url!, headers: request.headers })
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const open = (options: Partial<GatewayOptions> = {}): Gateway => gateway({ url, ...options })
const json = (body: unknown, status = 200) => {
  answer = (_request, response) => response.writeHead(status).end(JSON.stringify(body))
}

test('calls are addresses', async () => {
  json({ ok: 1 })
  const calls = open({ token: 'T' })
  await calls.history('a/b', { after: '0000aaaa-5', limit: 10, filter: { levels: ['WARN', 'ERROR'], keywords: ['ä'] } })
  await calls.counts('t', { buckets: 50, q: 'x y' })
  await calls.matches('t', { q: '&', filter: { workerIds: ['w'] } })
  await calls.tasks({ search: 'build', limit: 5 })
  await calls.tasks()
  const base = '/api/v1/log-streaming'
  expect(asked.map((each) => each.url)).toEqual([
    `${base}/logs/a%2Fb?after=0000aaaa-5&limit=10&level=WARN%2CERROR&keywords=%C3%A4`,
    `${base}/logs/t/counts?buckets=50&q=x+y`,
    `${base}/logs/t/matches?q=%26&workerId=w`,
    `${base}/tasks?search=build&limit=5`,
    `${base}/tasks`,
  ])
  expect(asked[0]!.headers.authorization).toBe('Bearer T')
  expect(calls.downloadUrl('t', { format: 'text', filter: { sources: ['stderr'] } })).toBe(
    `${url}${base}/logs/t?download=1&format=text&source=stderr`,
  )
})

test('a refusal is an error with the gateway’s own words', async () => {
  json({ error: { code: 'INVALID_ARGUMENT', message: 'limit must be …', field: 'limit' } }, 400)
  await expect(open().history('t')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', field: 'limit', status: 400 })
})

test('a refused token is renewed once', async () => {
  json({ error: { code: 'UNAUTHENTICATED', message: 'expired' } }, 401)
  let count = 0
  await expect(open({ getToken: () => `${++count}` }).tasks()).rejects.toMatchObject({ status: 401 })
  expect(asked.map((each) => each.headers.authorization)).toEqual(['Bearer 1', 'Bearer 2'])
})

test('an answer that is no JSON, and none at all, are errors of ours', async () => {
  answer = (_request, response) => response.end('<html>')
  await expect(open().tasks()).rejects.toMatchObject({ code: 'PROTOCOL' })
  answer = (_request, response) => response.destroy()
  await expect(open().tasks()).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
})

const event = (name: string, data: unknown) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`

test('a search gives its events as they come', async () => {
  answer = (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.write(event('hit', { entry: { sequence: 1 } }) + event('progress', { lines: 7 }))
    setImmediate(() => response.end(event('hit', { entry: { sequence: 2 } }) + event('complete', { isComplete: true })))
  }
  const events: SearchEvent[] = []
  for await (const each of open().search({ q: 'x' })) events.push(each)
  expect(events.map((each) => each.type)).toEqual(['hit', 'progress', 'hit', 'complete'])
  expect(asked[0]!.headers.accept).toBe('text/event-stream')
})

test('who leaves a search stops it', async () => {
  let isClosed = false
  answer = (_request, response) => {
    response.on('close', () => {
      isClosed = true
    })
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(event('hit', {}))
  }
  for await (const _event of open().search({ q: 'x' })) break
  await until(() => isClosed)
})

test('a search that is cut off, or fails on the way, says so', async () => {
  const drain = async () => {
    for await (const _event of open().search({ q: 'x' }));
  }
  answer = (_request, response) => response.end(event('hit', {}))
  await expect(drain()).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
  answer = (_request, response) => response.end(event('error', { code: 'UNAVAILABLE', message: 'no journal' }))
  await expect(drain()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})
