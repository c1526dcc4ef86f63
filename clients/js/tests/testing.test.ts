// What pages see of the fake gateway: views, stores and hooks, without a network.
import { expect, test } from 'vitest'
import { logStore } from '../src/store.ts'
import { FakeGateway } from '../src/testing.ts'
import type { LogEvent } from '../src/types.ts'
import { keyOf, type LogViewOptions, logView, type PagedLogView } from '../src/view.ts'
import { until } from './support/watch.ts'

const options = (fake: FakeGateway, rest: Partial<LogViewOptions> = {}): LogViewOptions => ({
  url: 'http://unused',
  taskId: 't',
  open: fake.open,
  ...rest,
})
const messages = (view: { entries: readonly { message: string }[] }) => view.entries.map(({ message }) => message)

test('a loop over events has lines, gaps, restarts and the end in their order', async () => {
  const fake = new FakeGateway()
  fake.write('t', 'one', 'two')
  const seen: string[] = []
  const said = (event: LogEvent) => (event.type === 'entry' ? event.entry.message : event.type)
  for await (const event of fake.open({ url: '', taskId: 't' }).events()) {
    seen.push(said(event))
    if (seen.length === 2) fake.gap('t', 3, 4)
    if (seen.length === 3) fake.restart()
    if (seen.length === 6) fake.complete('t')
  }
  expect(seen).toEqual(['one', 'two', 'gap', 'restart', 'one', 'two', 'complete'])
  expect(fake.connections).toBe(0)
})

test('a stream says how it is over, and is closed at the end of its block', async () => {
  const fake = new FakeGateway()
  const stream = fake.open({ url: '', taskId: 't' })
  await stream[Symbol.asyncDispose]()
  expect(await stream.closed).toMatchObject({ kind: 'closed', reason: 'CLOSED' })
  await expect(stream.setFilter({})).rejects.toMatchObject({ code: 'CLOSED' })
  fake.complete('t')
  expect(await fake.open({ url: '', taskId: 't' }).closed).toMatchObject({ kind: 'complete' })
})

test('a listener goes with its signal', async () => {
  const fake = new FakeGateway()
  const stream = fake.open({ url: '', taskId: 't' })
  const control = new AbortController()
  const heard: string[] = []
  stream.on('entries', () => heard.push('until'), { signal: control.signal })
  stream.on('entries', () => heard.push('ever'))
  stream.on('entries', () => heard.push('never'), { signal: AbortSignal.abort() })
  fake.write('t', 'one')
  await until(() => heard.length === 2)
  control.abort()
  fake.write('t', 'two')
  await until(() => heard.length === 3)
  expect(heard).toEqual(['until', 'ever', 'ever'])
  stream.close()
})

test('reconnecting makes another connection, without a line twice', async () => {
  const fake = new FakeGateway()
  fake.write('t', 'one')
  const view = logView(options(fake))
  await until(() => view.get().entries.length === 1)
  view.get().reconnect()
  fake.write('t', 'two')
  await until(() => view.get().entries.length === 2)
  expect(messages(view.get())).toEqual(['one', 'two'])
  view.close()
})

test('after a refusal a view can be tried again', async () => {
  const fake = new FakeGateway()
  fake.write('t', 'one')
  fake.refuse('PERMISSION_DENIED', 'not yours', 403)
  const view = logView(options(fake))
  await until(() => view.get().error !== null)
  expect(view.get().state).toMatchObject({ kind: 'closed', reason: 'PERMISSION_DENIED' })
  fake.refuse()
  view.get().reconnect()
  await until(() => view.get().entries.length === 1)
  expect(view.get().error).toBeNull()
  view.close()
})

test('another filter is another stream, which has the earlier lines that match now', async () => {
  const fake = new FakeGateway()
  fake.write('t', 'fine', { message: 'broken', level: 'ERROR' })
  const errors = options(fake, { filter: { levels: ['ERROR'] } })
  const before = logView(errors)
  await until(() => before.get().entries.length === 1)
  expect(keyOf(errors)).not.toBe(keyOf(options(fake)))
  before.close()
  const after = logView(options(fake), before.get())
  expect(after.get()).toMatchObject({ isPrevious: true, state: { kind: 'connecting' } })
  expect(messages(after.get())).toEqual(['broken'])
  await until(() => !after.get().isPrevious)
  expect(messages(after.get())).toEqual(['fine', 'broken'])
  after.close()
})

test('without a task, or switched off, there is no stream', () => {
  const fake = new FakeGateway()
  expect(keyOf(options(fake, { taskId: null }))).toBeNull()
  expect(keyOf(options(fake, { enabled: false }))).toBeNull()
})

test('older lines are put in front of the live ones, page by page', async () => {
  const fake = new FakeGateway()
  fake.write('t', ...Array.from({ length: 10 }, (_, index) => `line ${index + 1}`))
  const asked: URL[] = []
  const history: typeof fetch = async (address) => {
    const url = new URL(`${address}`)
    asked.push(url)
    const [, last] = url.searchParams.get('before')!.split('-')
    const from = Math.max(1, Number(last) - 3)
    const entries = Array.from({ length: Number(last) - from }, (_, index) => ({
      taskId: 't',
      sequence: from + index,
      message: `line ${from + index}`,
    }))
    return Response.json({ entries, hasPrevious: from > 1, isRestart: false })
  }
  const store = logStore({ ...options(fake), tail: 4, pageSize: 3, fetch: history })
  let view!: PagedLogView
  const leave = store.subscribe((value) => {
    view = value
  })
  await until(() => view.entries.length === 4)
  expect(view.hasOlder).toBe(true)
  await Promise.all([view.loadOlder(), view.loadOlder()])
  expect(messages(view)).toEqual([4, 5, 6, 7, 8, 9, 10].map((number) => `line ${number}`))
  fake.write('t', 'line 11')
  await until(() => view.entries.length === 8)
  await view.loadOlder()
  expect(view.hasOlder).toBe(false)
  await view.loadOlder()
  expect(view.entries.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 11 }, (_, index) => index + 1))
  expect(asked.map((url) => url.searchParams.get('limit'))).toEqual(['3', '3'])
  leave()
  await until(() => fake.connections === 0)
})

test('what is kept of a long log can be loaded again', async () => {
  const fake = new FakeGateway()
  const store = logStore({ ...options(fake), linesMax: 3 })
  let view!: PagedLogView
  const leave = store.subscribe((value) => {
    view = value
  })
  await until(() => view.state.kind === 'open')
  fake.write('t', 'one', 'two', 'three')
  await until(() => view.entries.length === 3)
  expect(view.hasOlder).toBe(false)
  fake.write('t', 'four')
  await until(() => view.hasOlder)
  expect(messages(view)).toEqual(['two', 'three', 'four'])
  leave()
})

test('a store is open from its first subscriber to its last', async () => {
  const fake = new FakeGateway()
  const store = logStore(options(fake))
  expect(fake.connections).toBe(0)
  const values: number[] = []
  const leave = [1, 2].map(() => store.subscribe((view) => values.push(view.entries.length)))
  await until(() => fake.connections === 1)
  expect(values.every((count) => count === 0)).toBe(true)
  leave[0]!()
  fake.write('t', 'one')
  await until(() => values.at(-1) === 1)
  leave[1]!()
  await until(() => fake.connections === 0)
})
