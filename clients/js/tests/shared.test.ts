import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { LogStream, LogStreamOptions } from '../src/index.ts'
import { openSharedLogStream } from '../src/shared.ts'
import { Locks } from './support/locks.ts'
import { EPOCH, lines, RoughGateway } from './support/rough-gateway.ts'
import { recorded, until } from './support/watch.ts'

let gateway: RoughGateway
let streams: LogStream[]
const numbers = (count: number, from = 1) => lines(count, from).map((line) => line.sequence)

beforeEach(async () => {
  vi.stubGlobal('navigator', { locks: new Locks() })
  gateway = await RoughGateway.start()
  streams = []
})

afterEach(async () => {
  for (const stream of streams) stream.close()
  await gateway.stop()
  vi.unstubAllGlobals()
})

/** A time in which nothing of this process runs. */
const stall = (milliseconds: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)

function open(options: Partial<LogStreamOptions> = {}): LogStream {
  const stream = openSharedLogStream({ url: gateway.url, taskId: 't', backoff: { min: 1, max: 5 }, ...options })
  streams.push(stream)
  return stream
}

test('five tabs have one connection, and every one sees every line', async () => {
  gateway.lines = lines(30)
  const said = Array.from({ length: 5 }, () => recorded(open()))
  await until(() => said.every((each) => each.length === 30))
  gateway.write(...lines(5, 31))
  await until(() => said.every((each) => each.length === 35))
  for (const each of said) expect(each).toEqual(numbers(35))
  expect(gateway.requests.length).toBe(1)
})

test('a tab that comes later is given what the others have', async () => {
  gateway.lines = lines(3000)
  const first = recorded(open())
  await until(() => first.length === 3000)
  const later = recorded(open())
  const tail = recorded(open({ tail: 2 }))
  const after = recorded(open({ after: `${EPOCH}-2990` }))
  await until(() => later.length === 3000 && tail.length === 2 && after.length === 10)
  gateway.write(...lines(1, 3001))
  gateway.end()
  await until(() => streams.every((stream) => stream.state.kind === 'complete'))
  expect(later).toEqual([...numbers(3001), ['complete', 3001]])
  expect(tail).toEqual([2999, 3000, 3001, ['complete', 3001]])
  expect(gateway.requests.map(({ url }) => url.search)).toEqual([''])
})

test('a tab that comes when the machine stands still waits for the answer all the same', async () => {
  gateway.lines = lines(10)
  const first = recorded(open())
  await until(() => first.length === 10)
  const later = open()
  const said = recorded(later)
  for (let turn = 0; turn < 50; turn++) await undefined // it has asked
  stall(3100) // longer than an answer may take
  await until(() => said.length === 10)
  expect(gateway.requests.length).toBe(1)
})

test('at the end every tab has heard of it before another one could ask the gateway again', async () => {
  gateway.lines = lines(10)
  const said = Array.from({ length: 3 }, () => recorded(open()))
  await until(() => said.every((each) => each.length === 10))
  streams[0]!.on('state', ({ kind }) => kind === 'complete' && stall(300))
  gateway.end()
  await until(() => streams.every((stream) => stream.state.kind === 'complete'))
  for (const each of said) expect(each).toEqual([...numbers(10), ['complete', 10]])
  expect(gateway.requests.length).toBe(1)
})

test('a tab that comes between the end and the farewell has everything and the end', async () => {
  gateway.lines = lines(10)
  const first = open()
  await until(() => first.entries.length === 10)
  const late = new Promise<unknown[]>((resolve) => first.on('complete', () => resolve(recorded(open()))))
  gateway.end()
  const said = await late
  await until(() => streams[1]!.state.kind === 'complete')
  expect(said).toEqual([...numbers(10), ['complete', 10]])
  expect(gateway.requests.length).toBe(1)
})

test.each([
  ['no line has come yet', 0, {}],
  ['the log is shorter', 2, {}],
  ['few lines pass the filter', 9, { levels: ['ERROR' as const] }],
])('tabs that want the same tail share one connection while %s', async (_when, count, filter) => {
  gateway.lines = lines(count)
  const said = Array.from({ length: 3 }, () => recorded(open({ tail: 5, filter })))
  await until(() => streams.every((stream) => stream.state.kind === 'open'))
  gateway.write(...lines(9, count + 1))
  gateway.end()
  await until(() => streams.every((stream) => stream.state.kind === 'complete'))
  for (const each of said) expect(each).toEqual(said[0])
  expect(said[0]!.length).toBeGreaterThan(3)
  expect(gateway.requests.length).toBe(1)
})

test('when the tab with the connection is closed another one goes on exactly there', async () => {
  gateway.lines = lines(10)
  const said = Array.from({ length: 4 }, () => recorded(open()))
  await until(() => said.every((each) => each.length === 10))
  for (const gone of [0, 1, 2]) {
    streams[gone]!.close()
    gateway.write(...lines(10, 11 + 10 * gone))
    await until(() => said[3]!.length === 20 + 10 * gone)
  }
  expect(said[3]).toEqual(numbers(40))
  expect(gateway.requests.length).toBe(4)
})

test('a tab that wants lines which the others do not have gets a connection of its own', async () => {
  gateway.lines = lines(10)
  const first = recorded(open({ after: `${EPOCH}-8` }))
  await until(() => first.length === 2)
  const second = recorded(open())
  await until(() => second.length === 10)
  gateway.write(...lines(1, 11))
  await until(() => first.length === 3 && second.length === 11)
  expect(second).toEqual(numbers(11))
  expect(gateway.requests.length).toBe(2)
})

test('all tabs know that the connection is lost, and resume together', async () => {
  gateway.lines = lines(2)
  const said = [recorded(open()), recorded(open())]
  await until(() => said.every((each) => each.length === 2))
  const states: string[] = []
  streams[1]!.on('state', (state) => states.push(state.kind))
  gateway.cuts = [{ status: 503 }]
  gateway.cut()
  gateway.write(...lines(2, 3))
  await until(() => said.every((each) => each.length === 4))
  expect(states).toEqual(['waiting', 'connecting', 'waiting', 'connecting', 'open'])
})

test('another life of the journal is told in every tab', async () => {
  gateway.lines = lines(2)
  const said = [recorded(open()), recorded(open())]
  await until(() => said.every((each) => each.length === 2))
  Object.assign(gateway, { epoch: '0000bbbb', lines: lines(1) })
  gateway.cut()
  await until(() => said.every((each) => each.length === 4))
  for (const each of said) expect(each).toEqual([1, 2, ['restart', '0000bbbb', 'epoch'], 1])
})

test('a tab with another filter leaves the others alone', async () => {
  gateway.lines = lines(6)
  const said = [recorded(open()), recorded(open())]
  await until(() => said.every((each) => each.length === 6))
  await streams[0]!.setFilter({ levels: ['ERROR'] })
  gateway.write(...lines(3, 7))
  await until(() => said[0]!.length === 7 && said[1]!.length === 9)
  expect(said[0]).toEqual([...numbers(6), 9])
  expect(said[1]).toEqual(numbers(9))
})

test('a refusal ends every tab', async () => {
  gateway.cuts = [{ status: 403 }, { status: 403 }]
  const said = [recorded(open()), recorded(open())]
  await until(() => streams.every((stream) => stream.state.kind === 'closed'))
  for (const each of said) expect(each).toEqual([['error', 'HTTP_403']])
})

test('without Web Locks every stream has its own connection', async () => {
  vi.stubGlobal('navigator', {})
  gateway.lines = lines(2)
  const said = [recorded(open()), recorded(open())]
  await until(() => said.every((each) => each.length === 2))
  expect(gateway.requests.length).toBe(2)
})
