/** The pauses between attempts, over every transport: what counts as a failure, and what starts them anew. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Ending } from '../src/errors.ts'
import { openLogStream } from '../src/index.ts'
import { type Attempt, Reconnecting } from '../src/reconnecting.ts'
import type { StreamEvents } from '../src/types.ts'
import { lines, RoughGateway } from './support/rough-gateway.ts'
import { RoughSockets } from './support/rough-sockets.ts'
import { until } from './support/watch.ts'

/** How one connection goes, and how it ends. */
type Connection = (attempt: Attempt) => Ending

class Scripted extends Reconnecting<StreamEvents> {
  #connections: Connection[]

  constructor(connections: Connection[]) {
    super({ url: 'http://gateway.test', backoff: { min: 0, max: 0 } })
    this.#connections = connections
  }

  protected override async connect(attempt: Attempt): Promise<Ending> {
    return this.#connections.shift()?.(attempt) ?? { complete: true }
  }
}

const accepted: Connection = (attempt) => {
  attempt.opened()
  attempt.heard()
  return {}
}
const useful: Connection = (attempt) => {
  attempt.opened()
  attempt.heard(true)
  return {}
}

/** The failures in a row before each pause, once the stream is over. */
async function failuresOf(stream: Reconnecting<StreamEvents>): Promise<number[]> {
  const failures = failuresIn(stream)
  await until(() => stream.state.kind === 'complete')
  return failures
}

function failuresIn(stream: Pick<Reconnecting<StreamEvents>, 'on'>): number[] {
  const failures: number[] = []
  stream.on('state', (state) => state.kind === 'waiting' && failures.push(state.attempt))
  return failures
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

test('a gateway that accepts and drops is left alone for longer each time', async () => {
  expect(await failuresOf(new Scripted([accepted, accepted, accepted, accepted]))).toEqual([1, 2, 3, 4])
})

test('what was asked for starts the pauses anew', async () => {
  expect(await failuresOf(new Scripted([accepted, accepted, useful, accepted, useful]))).toEqual([1, 2, 1, 2, 1])
})

test.each([
  ['more than ten seconds', 10_001, [1, 2, 1]],
  ['ten seconds', 10_000, [1, 2, 3]],
])('a connection that stood for %s without a line counts as it should', async (_name, milliseconds, failures) => {
  const stood: Connection = (attempt) => {
    attempt.opened()
    vi.advanceTimersByTime(milliseconds)
    return {}
  }
  expect(await failuresOf(new Scripted([accepted, accepted, stood]))).toEqual(failures)
})

test('over Server-Sent Events a line starts the pauses anew, and a heartbeat does not', async () => {
  const gateway = await RoughGateway.start()
  gateway.cuts = [{ bytes: 10, how: 'end' }, { bytes: 10, how: 'end' }, {}]
  const stream = openLogStream({ url: gateway.url, taskId: 't', backoff: { min: 1, max: 1 } })
  const failures = failuresIn(stream)
  const end = async (text: string, count: number) => {
    await until(() => gateway.open.size === 1 && stream.state.kind === 'open')
    for (const response of gateway.open) response.end(text)
    await until(() => failures.length === count)
  }
  await end(': heartbeat\n\n', 3)
  await end(gateway.event(lines(1)[0]!), 4)
  expect(failures).toEqual([1, 2, 3, 1])
  stream.close()
  await gateway.stop()
})

test('over Socket.IO a line starts the pauses anew, and a ping does not', async () => {
  const gateway = new RoughSockets()
  gateway.plans = [{ lines: 0 }, { lines: 0 }, {}, { lines: 1 }]
  const stream = openLogStream({
    ...{ url: 'http://gateway.test', transport: 'socket.io', io: gateway.io, taskId: 't' },
    backoff: { min: 1, max: 1 },
  })
  const failures = failuresIn(stream)
  await until(() => failures.length === 2 && stream.state.kind === 'open')
  for (const socket of gateway.open) socket.ping()
  gateway.cut()
  gateway.lines = lines(1)
  await until(() => failures.length === 4)
  expect(failures).toEqual([1, 2, 3, 1])
  stream.close()
})
