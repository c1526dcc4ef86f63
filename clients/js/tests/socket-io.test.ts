/** The same promises as over Server-Sent Events, to a Socket.IO that drops, delays and lies. */
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  type GatewayError,
  type LogStream,
  type LogStreamOptions,
  openLogStream,
  openPipeline,
  type StreamState,
} from '../src/index.ts'
import { EPOCH, lines } from './support/rough-gateway.ts'
import { type Plan, RoughSockets } from './support/rough-sockets.ts'
import { recorded, until } from './support/watch.ts'

let gateway: RoughSockets
let streams: LogStream[]
const numbers = (count: number, from = 1) => lines(count, from).map((line) => line.sequence)
const connection = { url: 'http://gateway.test', transport: 'socket.io' as const, backoff: { min: 1, max: 5 } }

beforeEach(() => {
  gateway = new RoughSockets()
  streams = []
})

afterEach(() => {
  vi.useRealTimers()
  for (const stream of streams) stream.close()
  expect(gateway.open.size).toBe(0)
})

function open(options: Partial<LogStreamOptions> = {}): LogStream {
  const stream = openLogStream({ ...connection, taskId: 't', io: gateway.io, ...options })
  streams.push(stream)
  return stream
}

const waiting = (stream: LogStream) =>
  new Promise<StreamState>((resolve) => stream.on('state', (state) => state.kind === 'waiting' && resolve(state)))

test('any way of dropping, delaying and repeating gives every entry once and in order', async () => {
  const plan: fc.Arbitrary<Plan> = fc.oneof(
    fc.record(
      { lines: fc.nat(30), batch: fc.integer({ min: 1, max: 20 }), repeated: fc.nat(20), delay: fc.nat(3) },
      { requiredKeys: ['lines'] },
    ),
    fc.constantFrom<Plan>({ refused: {} }, { refused: { code: 'UNAVAILABLE' } }, { answer: { code: 'UNAVAILABLE' } }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(plan, { maxLength: 8 }), fc.nat(60), async (plans, count) => {
      Object.assign(gateway, { plans: [...plans], lines: lines(count), ended: true })
      const stream = open()
      const said = recorded(stream)
      await until(() => stream.state.kind === 'complete')
      expect(said).toEqual([...numbers(count), ['complete', count]])
    }),
    { numRuns: 60 },
  )
})

test.each<[string, [string, unknown]]>([
  ['nothing', ['log-entries', null]],
  ['no lines', ['log-entries', []]],
  ['text', ['log-entries', 'text']],
  ['lines of nobody', ['log-entries', [{ taskId: 'other', sequence: 9 }]]],
  ['a line without a sequence', ['log-entries', [{ taskId: 't', message: 'x' }]]],
  ['a null in a line’s place', ['log-entries', [{ taskId: 't', sequence: 1, message: lines(1)[0]!.message }, null]]],
  ['no gap', ['log-gap', null]],
  ['the end of nobody', ['log-complete', null]],
  ['no stage', ['pipeline-progress', null]],
  ['no reason to close', ['closing', null]],
  ['an error of nobody’s', ['subscription_error', null]],
])('%s costs the connection at most, and not a line', async (_name, lie) => {
  gateway.lines = lines(3)
  gateway.ended = true
  gateway.plans = [{ lies: [lie] }]
  const stream = open()
  const said = recorded(stream)
  await until(() => stream.state.kind === 'complete')
  expect(said).toEqual([...numbers(3), ['complete', 3]])
})

test('a subscription that is never answered is given up, though the connection lives', async () => {
  vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] })
  gateway.plans = [{ answer: 'never' }]
  gateway.lines = lines(2)
  const stream = open({ silence: 40 })
  const state = waiting(stream)
  setInterval(() => gateway.open.forEach((socket) => void socket.ping()), 5)
  await until(() => gateway.asked.length === 1)
  vi.advanceTimersByTime(60)
  expect((await state).reason).toBe('SILENT')
  await until(() => stream.entries.length === 2)
})

test('an answered subscription without lines lives as long as its connection', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance', 'setInterval', 'clearInterval'] })
  const stream = open()
  await until(() => stream.state.kind === 'open')
  for (let minute = 0; minute < 5; minute += 0.5) {
    vi.advanceTimersByTime(30_000)
    for (const socket of gateway.open) socket.ping()
  }
  expect(stream.state.kind).toBe('open')
  const state = waiting(stream)
  vi.advanceTimersByTime(80_000)
  expect((await state).reason).toBe('SILENT')
})

test('it resumes exactly where it was, and a gap is passed', async () => {
  gateway.lines = lines(4)
  const stream = open({ tail: 2 })
  const said = recorded(stream)
  await until(() => said.length === 2)
  gateway.send('log-gap', { taskId: 't', from: 5, to: 9, reason: 'retention' })
  await until(() => said.length === 3)
  gateway.cut()
  await until(() => gateway.asked.length === 2)
  expect(said).toEqual([3, 4, ['gap', 5, 9]])
  expect(gateway.asked).toEqual([
    { name: 't', tail: 2 },
    { name: 't', after: `${EPOCH}-9` },
  ])
})

test('another life of the journal is told before its lines', async () => {
  gateway.lines = lines(3)
  const said = recorded(open())
  await until(() => said.length === 3)
  Object.assign(gateway, { epoch: '0000bbbb', lines: lines(2, 1, 'other') })
  gateway.cut()
  await until(() => said.length === 6)
  expect(said).toEqual([1, 2, 3, ['restart', '0000bbbb', 'epoch'], 1, 2])
})

test('the pause that a closing gateway asks for is kept to', async () => {
  gateway.plans = [{ lines: 0, notice: { code: 'SERVER_SHUTDOWN', retryMilliseconds: 5000 } }]
  const before = Date.now()
  const state = await waiting(open())
  expect(state.reason).toBe('SERVER_SHUTDOWN')
  expect(state.retryAt! - before).toBeGreaterThanOrEqual(5000)
})

test.each<[string, Plan]>([
  ['PERMISSION_DENIED', { refused: { code: 'PERMISSION_DENIED' } }],
  ['NOT_FOUND', { answer: { code: 'NOT_FOUND' } }],
  ['UNSUBSCRIBED', { lines: 0, notice: { code: 'UNSUBSCRIBED' } }],
])('%s says: do not come back', async (code, plan) => {
  gateway.plans = [plan]
  const stream = open()
  const said = recorded(stream)
  await until(() => stream.state.kind === 'closed')
  expect(said).toEqual([['error', code]])
  expect(gateway.tokens.length).toBe(1)
})

test('a refused token is renewed once, an expired one at once', async () => {
  let count = 0
  gateway.plans = [
    { refused: { code: 'UNAUTHENTICATED' } },
    { lines: 1, notice: { code: 'TOKEN_EXPIRED' } },
    { refused: { code: 'UNAUTHENTICATED' } },
    { refused: { code: 'UNAUTHENTICATED' } },
  ]
  gateway.lines = lines(1)
  const stream = open({ getToken: async () => `${++count}` })
  const said = recorded(stream)
  await until(() => stream.state.kind === 'closed')
  expect(said).toEqual([1, ['error', 'UNAUTHENTICATED']])
  expect(gateway.tokens).toEqual(['1', '2', '3', '4'])
})

test('streams with the same token share a connection, and leave it one by one', async () => {
  gateway.lines = lines(3)
  const same = ['a', 'b', 'c'].map((taskId) => open({ taskId, token: 'x' }))
  const other = open({ taskId: 'a', token: 'y' })
  await until(() => [...same, other].every((stream) => stream.entries.length === 3))
  expect(gateway.tokens).toEqual(['x', 'y'])
  same[0]!.close()
  same[1]!.close()
  gateway.write(...lines(1, 4))
  await until(() => same[2]!.entries.length === 4)
  expect(same[0]!.entries.length).toBe(3)
  expect(gateway.open.size).toBe(2)
})

test('no more streams share a connection than the gateway takes on one', async () => {
  const many = Array.from({ length: 101 }, (_, number) => open({ taskId: `task-${number}` }))
  await until(() => many.every((stream) => stream.state.kind === 'open'))
  expect(gateway.tokens.length).toBe(2)
})

test('streams of two gateways share nothing', async () => {
  const two = [open({ token: 'x' }), open({ token: 'x', taskId: 'u', url: 'http://other.test' })]
  await until(() => two.every((stream) => stream.state.kind === 'open'))
  expect(gateway.tokens).toEqual(['x', 'x'])
})

test('a stream that leaves others on its connection unsubscribes, and no other does', async () => {
  gateway.lines = lines(3)
  const [first, second, third] = ['a', 'b', 'c'].map((taskId) => open({ taskId }))
  const stages = openPipeline({ ...connection, io: gateway.io, pipelineId: 'p' })
  await until(() => [first!, second!, third!, stages].every((stream) => stream.state.kind === 'open'))
  first!.close()
  stages.close()
  gateway.send('subscription_error', { taskId: 'b', code: 'NOT_FOUND' })
  await until(() => second!.state.kind === 'closed')
  third!.close()
  expect(gateway.left).toEqual(['a', 'p'])
})

test('a slow reader that leaves others on its connection unsubscribes', async () => {
  const other = open({ taskId: 'other' })
  const slow = open({ bufferSize: 1 })
  await until(() => [other, slow].every((stream) => stream.state.kind === 'open'))
  const reading = slow[Symbol.asyncIterator]()
  const first = reading.next()
  gateway.write(...lines(3))
  expect((await first).value).toMatchObject({ sequence: 1 })
  await until(() => gateway.left.length > 0)
  expect(gateway.left).toEqual(['t'])
})

test('a filter is changed on the open connection, and a refused one leaves the old', async () => {
  gateway.lines = lines(3)
  const stream = open({ filter: { levels: ['ERROR'] } })
  const said = recorded(stream)
  await until(() => said.length === 1)
  const refused = await stream.setFilter({ levels: ['LOUD' as 'INFO'] }).catch((error: GatewayError) => error)
  expect(refused).toMatchObject({ code: 'INVALID_ARGUMENT', status: 400 })
  gateway.write(...lines(3, 4))
  await until(() => said.length === 2)
  await stream.setFilter({})
  gateway.write(...lines(3, 7))
  await until(() => said.length === 5)
  expect(said).toEqual([3, 6, 7, 8, 9])
  expect(gateway.tokens.length).toBe(1)
})

test('a change that is lost with the connection goes along with the next one', async () => {
  gateway.lines = lines(3)
  const stream = open({ filter: { levels: ['ERROR'] } })
  const said = recorded(stream)
  await until(() => said.length === 1)
  gateway.cut()
  await stream.setFilter({ levels: ['INFO'] })
  gateway.write(...lines(3, 4))
  await until(() => said.length === 3)
  expect(said).toEqual([3, 4, 5])
})

test('a slow reader leaves, and comes back for the rest', async () => {
  gateway.lines = lines(500)
  gateway.ended = true
  gateway.plans = Array.from({ length: 100 }, () => ({ batch: 10 }))
  const seen: number[] = []
  for await (const entry of open({ bufferSize: 20 })) {
    seen.push(entry.sequence)
    if (entry.sequence % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  expect(seen).toEqual(numbers(500))
})

test('a pipeline’s stages are told once over any number of connections', async () => {
  gateway.stages = [
    { stageId: 'fetch', progressPercentage: 100 },
    { stageId: 'build', progressPercentage: 10 },
  ]
  const stream = openPipeline({ ...connection, io: gateway.io, pipelineId: 'p' })
  const said: unknown[] = []
  stream.on('progress', ({ stageId, progressPercentage }) => said.push([stageId, progressPercentage]))
  await until(() => said.length === 2)
  gateway.stages[1] = { stageId: 'build', progressPercentage: 60 }
  gateway.cut()
  await until(() => said.length === 3)
  expect(said).toEqual([
    ['fetch', 100],
    ['build', 10],
    ['build', 60],
  ])
  expect(stream.stages.map((stage) => stage.progressPercentage)).toEqual([100, 60])
  stream.close()
})

test('a socket that is closed before it has connected is let go of', async () => {
  const pools = vi.spyOn(Set.prototype, 'add')
  const [made, ended] = [vi.fn(), vi.fn()]
  const socket = { on() {}, emit() {}, disconnect: ended, connected: false, io: { on() {} } }
  const io = () => {
    made()
    return socket
  }
  const early = open({ io })
  await until(() => early.state.kind === 'connecting')
  await undefined // it has asked for its token, and loads the transport
  early.close()
  const stream = open({ io })
  await until(() => made.mock.calls.length > 0)
  stream.close()
  expect(made.mock.calls.length).toBe(1)
  expect(ended).toHaveBeenCalled()
  const links = pools.mock.contexts
    .flatMap((pool) => [...(pool as Set<object>)])
    .filter((each) => 'socket' in Object(each))
  expect(links).toEqual([])
})
