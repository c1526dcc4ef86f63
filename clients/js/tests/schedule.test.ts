import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openLogStream } from '../src/index.ts'
import { later } from '../src/schedule.ts'
import { lines, RoughGateway } from './support/rough-gateway.ts'
import { until } from './support/watch.ts'

let frames: Map<number, () => void>
/** The browser paints. */
const paint = () => {
  const due = [...frames.values()]
  frames.clear()
  for (const run of due) run()
}

beforeEach(() => {
  frames = new Map()
  let last = 0
  vi.stubGlobal('requestAnimationFrame', (run: () => void) => frames.set(++last, run) && last)
  vi.stubGlobal('cancelAnimationFrame', (frame: number) => frames.delete(frame))
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** How many line ends the client was given; a turn later it has read them. */
function countedFetch(): () => number {
  const { fetch } = globalThis
  let ends = 0
  const counting = () =>
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        for (const byte of chunk) ends += Number(byte === 10)
        controller.enqueue(chunk)
      },
    })
  vi.stubGlobal('fetch', async (...request: Parameters<typeof fetch>) => {
    const response = await fetch(...request)
    return new Response(response.body!.pipeThrough(counting()), response)
  })
  return () => ends
}

test('all that comes between two frames is one callback', async () => {
  const gateway = await RoughGateway.start()
  const ends = countedFetch()
  const batches: number[] = []
  const stream = openLogStream({ url: gateway.url, taskId: 't' })
  stream.on('entries', (batch) => batches.push(batch.length))
  await until(() => stream.state.kind === 'open')
  for (const frame of [1, 2]) {
    for (let part = 0; part < 5; part++) {
      gateway.write(...lines(10, 1 + 50 * (frame - 1) + 10 * part))
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await until(() => ends() === 2 + 3 * 50 * frame) // behind `retry`, three for each line
    await new Promise((resolve) => setTimeout(resolve, 5))
    paint()
  }
  expect(batches).toEqual([50, 50])
  stream.close()
  await gateway.stop()
})

test('a tab without frames is told once a second', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const run = vi.fn()
  later('frame', run)
  vi.advanceTimersByTime(999)
  expect(run).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(run).toHaveBeenCalledTimes(1)
  expect(frames.size).toBe(0)
})

test('a number is milliseconds, and the frame is not waited for', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const run = vi.fn()
  later(250, run)
  expect(frames.size).toBe(0)
  vi.advanceTimersByTime(250)
  expect(run).toHaveBeenCalledTimes(1)
})

test('without frames, as in Node, the end of the task is soon enough', async () => {
  vi.stubGlobal('requestAnimationFrame', undefined)
  const run = vi.fn()
  later(undefined, run)
  await Promise.resolve()
  expect(run).toHaveBeenCalledTimes(1)
})

test.each(['frame', 'microtask', 5] as const)('what is called off does not run (%s)', async (schedule) => {
  const run = vi.fn()
  later(schedule, run)()
  paint()
  await new Promise((resolve) => setTimeout(resolve, 10))
  expect(run).not.toHaveBeenCalled()
})
