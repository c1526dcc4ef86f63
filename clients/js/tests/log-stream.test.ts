import type { ServerResponse } from 'node:http'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  GatewayError,
  type LogEntry,
  type LogStream,
  type LogStreamOptions,
  openLogStream,
  type StreamState,
} from '../src/index.ts'
import { TaskLog } from '../src/log-stream.ts'
import { type Cut, EPOCH, lines, RoughGateway } from './support/rough-gateway.ts'
import { recorded, until } from './support/watch.ts'

let gateway: RoughGateway
let streams: LogStream[]
const numbers = (count: number, from = 1) => lines(count, from).map((line) => line.sequence)

beforeEach(async () => {
  gateway = await RoughGateway.start()
  streams = []
})

afterEach(async () => {
  for (const stream of streams) stream.close()
  await gateway.stop()
})

function open(options: Partial<LogStreamOptions> = {}): LogStream {
  const stream = openLogStream({ url: gateway.url, taskId: 't', backoff: { min: 1, max: 5 }, ...options })
  streams.push(stream)
  return stream
}

test('any way of cutting gives every entry once and in order', async () => {
  const cut: fc.Arbitrary<Cut> = fc.oneof(
    fc.record(
      {
        bytes: fc.nat(3000),
        how: fc.constantFrom<'destroy' | 'end'>('destroy', 'end'),
        piece: fc.integer({ min: 1, max: 400 }),
        repeated: fc.nat(20),
        delay: fc.nat(5),
      },
      { requiredKeys: ['bytes'] },
    ),
    fc.constantFrom<Cut>({ status: 503 }, { status: 502, body: '<html>' }, { status: 429 }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(cut, { maxLength: 8 }), fc.nat(60), async (cuts, count) => {
      Object.assign(gateway, { cuts: [...cuts], lines: lines(count), ended: true })
      const stream = open()
      const said = recorded(stream)
      await until(() => stream.state.kind === 'complete')
      expect(said).toEqual([...numbers(count), ['complete', count]])
    }),
    { numRuns: 60 },
  )
})

test('a line that was cut off in the middle of a character comes whole', async () => {
  gateway.lines = lines(1)
  gateway.ended = true
  const whole = Buffer.from(`retry: 1\n\n${gateway.event(gateway.lines[0]!)}`)
  for (let bytes = whole.length - 30; bytes < whole.length; bytes++) gateway.cuts.push({ bytes })
  const stream = open()
  for await (const entry of stream) expect(entry.message).toBe(lines(1)[0]!.message)
  expect(stream.position).toBe(`${EPOCH}-1`)
})

test('what comes while it is open is handed out in batches', async () => {
  gateway.lines = lines(500)
  const batches: number[] = []
  const stream = open({ schedule: 5 })
  stream.on('entries', (batch) => batches.push(batch.length))
  await until(() => stream.entries.length === 500)
  expect(batches.length).toBeLessThan(50)
  gateway.write(...lines(1, 501))
  await until(() => stream.entries.length === 501)
})

test('it starts and resumes exactly where it is told to', async () => {
  gateway.lines = lines(10)
  const stream = open({ after: 7 })
  const said = recorded(stream)
  await until(() => said.length === 3)
  gateway.cut()
  gateway.write(...lines(1, 11))
  await until(() => said.length === 4)
  expect(said).toEqual([8, 9, 10, 11])
  expect(gateway.requests.map(({ url }) => url.searchParams.get('after'))).toEqual(['7', `${EPOCH}-10`])
})

test('a tail is asked for until the first line has come, and never again', async () => {
  gateway.lines = lines(10)
  gateway.cuts = [{ bytes: 5 }, {}]
  const stream = open({ tail: 2 })
  const said = recorded(stream)
  await until(() => said.length === 2)
  gateway.cut()
  await until(() => gateway.requests.length === 3 && stream.state.kind === 'open')
  expect(said).toEqual([9, 10])
  expect(gateway.requests.map(({ url }) => url.search)).toEqual(['?tail=2', '?tail=2', `?after=${EPOCH}-10`])
})

test('another life of the journal is told before its lines, and all of them come', async () => {
  gateway.lines = lines(5)
  const stream = open()
  const said = recorded(stream)
  await until(() => said.length === 5)
  Object.assign(gateway, { epoch: '0000bbbb', lines: lines(3, 1, 'other') })
  gateway.cut()
  await until(() => said.length === 9)
  expect(said).toEqual([...numbers(5), ['restart', '0000bbbb', 'epoch'], 1, 2, 3])
  expect(stream.entries.map((entry) => entry.message)).toEqual(lines(3, 1, 'other').map((line) => line.message))
  expect(stream.position).toBe('0000bbbb-3')
})

test('a gap in front of the first line of another life belongs to that life', async () => {
  gateway.lines = lines(5)
  const stream = open()
  const said = recorded(stream)
  await until(() => said.length === 5)
  gateway.send('event: gap\ndata: {"from":1,"to":6,"reason":"retention"}\n\n')
  gateway.epoch = '0000bbbb'
  gateway.send(gateway.event(lines(1, 7)[0]!))
  await until(() => said.length === 8)
  expect(said.slice(5)).toEqual([['restart', '0000bbbb', 'epoch'], ['gap', 1, 6], 7])
})

test('a journal that was set back without saying so is noticed by its lines', async () => {
  gateway.lines = lines(5)
  const stream = open()
  const said = recorded(stream)
  await until(() => said.length === 5)
  gateway.lines = [...lines(3), ...lines(4, 4, 'new')]
  gateway.cuts = [{ repeated: 5 }]
  gateway.cut()
  await until(() => said.length === 13)
  expect(said.slice(5)).toEqual([['restart', EPOCH, 'rewound'], ...numbers(7)])
})

test('the same text at another time is another line, too', async () => {
  gateway.lines = lines(5)
  const stream = open()
  const said = recorded(stream)
  await until(() => said.length === 5)
  gateway.lines = lines(5).map((line) => ({ ...line, timestamp: '2026-01-02T00:00:00Z' }))
  gateway.cuts = [{ repeated: 2 }]
  gateway.cut()
  await until(() => said.length === 11)
  expect(said.slice(5)).toEqual([['restart', EPOCH, 'rewound'], ...numbers(5)])
})

test('a gap is told once, in its place, and not asked for again', async () => {
  const stream = open()
  const said = recorded(stream)
  gateway.write(...lines(1))
  await until(() => said.length === 1)
  gateway.send('event: gap\ndata: {"from":2,"to":9,"reason":"retention"}\n\n')
  await until(() => said.length === 2)
  gateway.cut()
  await until(() => gateway.requests.length === 2)
  expect(said).toEqual([1, ['gap', 2, 9]])
  expect(gateway.requests[1]!.url.searchParams.get('after')).toBe(`${EPOCH}-9`)
})

test('another filter goes on where the old one was', async () => {
  gateway.lines = lines(9)
  const stream = open({ filter: { levels: ['ERROR'] } })
  const said = recorded(stream)
  await until(() => said.length === 3)
  await stream.setFilter({})
  gateway.write(...lines(3, 10))
  await until(() => said.length === 6)
  await stream.setFilter({ levels: ['ERROR'] })
  gateway.write(...lines(3, 13))
  await until(() => said.length === 7)
  expect(said).toEqual([3, 6, 9, 10, 11, 12, 15])
})

test('a filter that the gateway refuses is given back, and the old one stays', async () => {
  gateway.lines = lines(3)
  const stream = open({ filter: { levels: ['ERROR'] } })
  const said = recorded(stream)
  await until(() => said.length === 1)
  const body = JSON.stringify({ error: { code: 'INVALID_ARGUMENT', message: 'no such level', field: 'level' } })
  gateway.cuts = [{ status: 400, body }]
  const refused = await stream.setFilter({ levels: ['LOUD' as 'INFO'] }).catch((error: GatewayError) => error)
  expect(refused).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'level', status: 400 })
  await until(() => stream.state.kind === 'open')
  gateway.write(...lines(3, 4))
  await until(() => said.length === 2)
  expect(said).toEqual([3, 6])
})

test('a keyword with a comma is refused where it would silently become two', async () => {
  const stream = open()
  await until(() => stream.state.kind === 'open')
  await expect(stream.setFilter({ keywords: ['a,b'] })).rejects.toThrow(/keywords/)
  await until(() => stream.state.kind === 'open')
})

test.each([400, 403, 404, 410])('a %i is final', async (status) => {
  gateway.cuts = [{ status }]
  const stream = open()
  const said = recorded(stream)
  await until(() => stream.state.kind === 'closed')
  expect(said).toEqual([['error', `HTTP_${status}`]])
  await expect(stream[Symbol.asyncIterator]().next()).resolves.toMatchObject({ done: true })
  expect(gateway.requests.length).toBe(1)
})

test.each([408, 425, 429, 500, 503])('a %i says: come back', async (status) => {
  gateway.cuts = [{ status }]
  gateway.lines = lines(1)
  const stream = open()
  await until(() => stream.entries.length === 1)
  expect(gateway.requests.length).toBe(2)
})

test('a 204 says that everything was seen', async () => {
  gateway.cuts = [{ status: 204 }]
  const stream = open({ after: `${EPOCH}-9.end` })
  await until(() => stream.state.kind === 'complete')
  expect(gateway.requests[0]!.url.searchParams.get('after')).toBe(`${EPOCH}-9.end`)
})

test('Retry-After is kept to', async () => {
  gateway.cuts = [{ status: 503, headers: { 'Retry-After': '2' } }]
  const stream = open()
  const waiting = new Promise<StreamState>((resolve) => stream.on('state', (s) => s.kind === 'waiting' && resolve(s)))
  const before = Date.now()
  expect((await waiting).retryAt! - before).toBeGreaterThanOrEqual(2000)
})

test('the pause that the stream itself asks for is kept to', async () => {
  gateway.cuts = [{ retry: 5000, bytes: 13, how: 'end' }]
  const stream = open()
  const waiting = new Promise<StreamState>((resolve) => stream.on('state', (s) => s.kind === 'waiting' && resolve(s)))
  const before = Date.now()
  expect((await waiting).retryAt! - before).toBeGreaterThanOrEqual(5000)
})

test.each(['UNSUBSCRIBED', 'COMPLETED', 'PERMISSION_DENIED'])('%s says: do not come back', async (code) => {
  const stream = open()
  const said = recorded(stream)
  await until(() => gateway.open.size === 1)
  gateway.send(`event: error\ndata: {"code":"${code}","message":"go"}\n\n`)
  await until(() => stream.state.kind === 'closed')
  expect(said).toEqual([['error', code]])
})

test.each(['SERVER_SHUTDOWN', 'INTERNAL', 'SOMETHING_NEW'])('%s says: come back', async (code) => {
  const stream = open()
  await until(() => gateway.open.size === 1)
  gateway.send(`event: error\ndata: {"code":"${code}","message":"later"}\n\n`)
  await until(() => gateway.requests.length === 2)
  expect(stream.state.kind).not.toBe('closed')
})

test('every connection asks for a token, and a refused one is renewed once', async () => {
  let count = 0
  gateway.cuts = [{ status: 401 }, {}, { status: 401 }, { status: 401 }]
  const stream = open({ getToken: async () => `token-${++count}` })
  const said = recorded(stream)
  gateway.write(...lines(1))
  await until(() => said.length === 1)
  gateway.cut()
  await until(() => stream.state.kind === 'closed')
  expect(said).toEqual([1, ['error', 'HTTP_401']])
  expect(gateway.requests.map(({ headers }) => headers.authorization)).toEqual(
    [1, 2, 3, 4].map((n) => `Bearer token-${n}`),
  )
})

test('an expired token is renewed at once', async () => {
  let count = 0
  const stream = open({ getToken: () => `${++count}`, backoff: { min: 1e9, max: 1e9 } })
  await until(() => gateway.open.size === 1)
  gateway.send('event: error\ndata: {"code":"TOKEN_EXPIRED","message":"expired"}\n\n')
  await until(() => gateway.requests.length === 2 && stream.state.kind === 'open')
})

test('a token that expires again without a line is not renewed in a loop', async () => {
  const said: (string | undefined)[] = []
  const stream = open({ getToken: () => 'stale', backoff: { min: 1e9, max: 1e9 } })
  stream.on('state', (state) => said.push(state.kind === 'waiting' ? state.reason : state.kind))
  for (const requests of [1, 2]) {
    await until(() => gateway.requests.length === requests && gateway.open.size === 1 && stream.state.kind === 'open')
    const { length } = said
    for (const response of gateway.open) {
      response.end('event: error\ndata: {"code":"TOKEN_EXPIRED","message":"expired"}\n\n')
    }
    await until(() => said.length > length)
  }
  expect(said).toEqual(['connecting', 'open', 'connecting', 'open', 'TOKEN_EXPIRED'])
})

test('a token that cannot be had is tried for again', async () => {
  let count = 0
  const reasons: (string | undefined)[] = []
  const stream = open({ getToken: () => (++count < 3 ? Promise.reject(new Error('no')) : 'yes') })
  stream.on('state', (state) => state.kind === 'waiting' && reasons.push(state.reason))
  await until(() => stream.state.kind === 'open')
  expect(reasons).toEqual(['TOKEN_UNAVAILABLE', 'TOKEN_UNAVAILABLE'])
})

test.each([
  ['no JSON', 'id: 0000aaaa-4\ndata: {\n\n'],
  ['null', 'id: 0000aaaa-4\ndata: null\n\n'],
  ['another sequence than its id', 'id: 0000aaaa-4\ndata: {"sequence":5}\n\n'],
  ['no id', 'data: {"sequence":4}\n\n'],
])('an event with %s costs the connection, and not a line', async (_name, text) => {
  gateway.lines = lines(3)
  const stream = open()
  const said = recorded(stream)
  await until(() => said.length === 3)
  gateway.send(text)
  await until(() => gateway.requests.length === 2)
  gateway.write(...lines(2, 4))
  await until(() => said.length === 5)
  expect(said).toEqual(numbers(5))
})

test('a page that is no stream is not taken for one', async () => {
  gateway.cuts = [{ status: 200, headers: { 'Content-Type': 'text/html' }, body: '<h1>Log in</h1>' }]
  gateway.lines = lines(1)
  const stream = open()
  await until(() => stream.entries.length === 1)
  expect(gateway.requests.length).toBe(2)
})

test('a connection that falls silent is given up', async () => {
  vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] })
  gateway.lines = lines(1)
  const reasons: (string | undefined)[] = []
  const stream = open({ silence: 40 })
  stream.on('state', (state) => state.kind === 'waiting' && reasons.push(state.reason))
  await until(() => stream.entries.length === 1)
  vi.advanceTimersByTime(60)
  vi.useRealTimers()
  await until(() => gateway.requests.length === 2)
  expect(reasons).toEqual(['SILENT'])
})

test('entries are bounded', async () => {
  gateway.lines = lines(1000)
  gateway.ended = true
  const stream = open({ bufferSize: 10 })
  const said = recorded(stream)
  await until(() => stream.state.kind === 'complete')
  expect(stream.entries.map((entry) => entry.sequence)).toEqual(numbers(10, 991))
  expect(said.slice(0, -1)).toEqual(numbers(1000))
  expect([stream.oldest, stream.position]).toEqual([`${EPOCH}-991`, `${EPOCH}-1000`])
})

/** Until nothing more goes out, although whoever reads has had many turns. */
async function blocked(response: ServerResponse): Promise<void> {
  let [before, turns] = [0, 0]
  await until(() => {
    turns = response.writableLength > 0 && response.writableLength === before ? turns + 1 : 0
    before = response.writableLength
    return turns > 20
  })
}

test('a slow reader holds up the connection, and gets every line', async () => {
  gateway.lines = lines(40_000)
  gateway.ended = true
  let handed = 0
  const stream = open({ bufferSize: 100 })
  stream.on('entries', (batch) => {
    handed += batch.length
  })
  let seen = 0
  for await (const entry of stream) {
    expect(entry.sequence).toBe(++seen)
    if (seen === 1) {
      await blocked([...gateway.open][0]!)
      // One chunk of the network's may hold more than fits; what comes behind it waits in the socket.
      expect(handed).toBeLessThan(2000)
    }
  }
  expect(seen).toBe(40_000)
})

test('close is idempotent, ends iterators and drops what nobody was told of', async () => {
  gateway.lines = lines(5)
  const stream = open({ schedule: 1e6 })
  await until(() => stream.state.kind === 'open')
  const iterator = stream[Symbol.asyncIterator]()
  const next = iterator.next()
  stream.close()
  stream.close()
  await expect(next).resolves.toEqual({ done: true, value: undefined })
  expect(stream.position).toBeNull()
  await until(() => gateway.open.size === 0)
})

test('a signal closes it, and one that was aborted before keeps it from connecting', async () => {
  const control = new AbortController()
  const stream = open({ signal: control.signal })
  await until(() => stream.state.kind === 'open')
  control.abort()
  expect(stream.state.kind).toBe('closed')
  const late = open({ signal: control.signal })
  await until(() => late.state.kind === 'closed')
  expect(gateway.requests.length).toBe(1)
})

test('an iterator throws what ended the stream', async () => {
  gateway.cuts = [{ status: 403 }]
  const read = async () => {
    for await (const _entry of open()) expect.unreachable()
  }
  await expect(read()).rejects.toBeInstanceOf(GatewayError)
})

test('ids are encoded, and the address may have a path of its own', async () => {
  const control = new AbortController()
  openLogStream({ url: `${gateway.url}/behind/proxy/`, taskId: 'a/b ?#', signal: control.signal })
  await until(() => gateway.requests.length === 1)
  control.abort()
  expect(gateway.requests[0]!.url.pathname).toBe('/behind/proxy/api/v1/log-streaming/logs/a%2Fb%20%3F%23/stream')
})

test('a listener that throws is heard of, and holds up neither the others nor the stream', async () => {
  const thrown: unknown[] = []
  const reported = vi.spyOn(console, 'error').mockImplementation((error) => void thrown.push(error))
  gateway.lines = lines(2)
  const stream = open()
  stream.on('entries', () => {
    throw new Error('of the page')
  })
  const said = recorded(stream)
  await until(() => said.length === 2)
  gateway.write(...lines(1, 3))
  await until(() => said.length === 3)
  reported.mockRestore()
  expect(thrown.map(String)).toContain('Error: of the page')
})

test('leaving the last loop closes the stream', async () => {
  gateway.lines = lines(5)
  const stream = open()
  const other = stream[Symbol.asyncIterator]()
  expect((await other.next()).value?.sequence).toBe(1)
  for await (const entry of stream) if (entry.sequence === 3) break
  expect(stream.state.kind).toBe('open')
  await other.return?.()
  expect(stream.state).toMatchObject({ kind: 'closed', reason: 'CLOSED' })
  await until(() => gateway.open.size === 0)
})

test('a batch of any size is handed out', async () => {
  const count = 1_000_000 // more than what an engine takes as arguments
  const stream = new TaskLog({ url: '', taskId: 't', bufferSize: 2 * count, schedule: 60_000 }, async (_, subject) => {
    subject.epoch(EPOCH)
    for (let sequence = 1; sequence <= count; sequence++) subject.entry({ sequence } as LogEntry)
    subject.complete({ status: 'COMPLETED', lastSequence: count, timestamp: '' })
    return { complete: true }
  })
  streams.push(stream)
  const sizes: number[] = []
  stream.on('entries', (batch) => sizes.push(batch.length))
  await until(() => stream.state.kind === 'complete')
  expect([sizes, stream.entries.length, stream.position]).toEqual([[count], count, `${EPOCH}-${count}`])
})
