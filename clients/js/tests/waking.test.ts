/** What happens to the page and to the machine: sleep, another network, a tab that is hidden and looked at again. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type LogStream, type LogStreamOptions, openLogStream } from '../src/index.ts'
import { lines, RoughGateway } from './support/rough-gateway.ts'
import { recorded, until } from './support/watch.ts'

const HOUR = 3_600_000
let gateway: RoughGateway
let stream: LogStream
let page: EventTarget
let document: { hidden: boolean }
const happens = (event: string) => page.dispatchEvent(new Event(event))

beforeEach(async () => {
  page = new EventTarget()
  document = { hidden: false }
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('document', document)
  gateway = await RoughGateway.start()
  gateway.lines = lines(3)
})

afterEach(async () => {
  stream.close()
  vi.useRealTimers()
  vi.unstubAllGlobals()
  await gateway.stop()
})

async function opened(options: Partial<LogStreamOptions> = {}): Promise<unknown[]> {
  stream = openLogStream({ url: gateway.url, taskId: 't', ...options })
  const said = recorded(stream)
  await until(() => said.length === 3)
  return said
}

/** A stream that waits for an hour. */
async function waiting(): Promise<unknown[]> {
  const said = await opened({ backoff: { min: HOUR, max: HOUR } })
  gateway.cut()
  await until(() => stream.state.kind === 'waiting')
  gateway.write(...lines(1, 4))
  return said
}

/** The clock alone: connections, and the timers of the tests, go on. */
function asleep(milliseconds: number): void {
  vi.setSystemTime(Date.now() + milliseconds)
  vi.advanceTimersByTime(5000)
}

test.each(['visibilitychange', 'pageshow', 'online'])('%s ends a pause', async (event) => {
  const said = await waiting()
  happens(event)
  await until(() => said.length === 4)
  expect(gateway.requests.length).toBe(2)
})

test('a tab that is hidden goes on waiting, and one that is closed listens no more', async () => {
  await waiting()
  document.hidden = true
  happens('visibilitychange')
  expect(stream.state.kind).toBe('waiting')
  stream.close()
  document.hidden = false
  happens('visibilitychange')
  expect(stream.state.kind).toBe('closed')
})

test('another network is another connection at once', async () => {
  const said = await opened()
  happens('online')
  gateway.write(...lines(1, 4))
  await until(() => said.length === 4)
  expect(gateway.requests.length).toBe(2)
})

test('a tab that is looked at again keeps a connection that was heard of lately, and no other', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] })
  const said = await opened()
  happens('visibilitychange')
  vi.advanceTimersByTime(30_000)
  happens('visibilitychange')
  expect(gateway.requests.length).toBe(1)
  vi.advanceTimersByTime(10_000)
  happens('visibilitychange')
  await until(() => gateway.requests.length === 2)
  gateway.write(...lines(1, 4))
  await until(() => said.length === 4)
})

test('a wall clock that is set back hides no silence', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance', 'setInterval', 'clearInterval'] })
  const said = await opened({ backoff: { min: 1, max: 1 } })
  vi.setSystemTime(Date.now() - 2 * HOUR)
  vi.advanceTimersByTime(80_000)
  await until(() => gateway.requests.length === 2)
  gateway.write(...lines(1, 4))
  await until(() => said.length === 4)
})

test('after a sleep the connection is replaced at once, without a pause', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'] })
  const said = await opened({ backoff: { min: HOUR, max: HOUR } })
  asleep(HOUR)
  await until(() => gateway.requests.length === 2)
  gateway.write(...lines(1, 4))
  await until(() => said.length === 4)
})

test('after a sleep a pause is over', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'] })
  const said = await waiting()
  asleep(2 * HOUR)
  await until(() => said.length === 4)
})
