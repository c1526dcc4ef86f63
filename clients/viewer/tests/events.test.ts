import { expect, it } from 'vitest'
import { eventsOf, type ServerEvent } from '../src/data/events'

async function parsed(...pieces: (string | Uint8Array)[]): Promise<ServerEvent[]> {
  const coder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(typeof piece === 'string' ? coder.encode(piece) : piece)
      controller.close()
    },
  })
  const events = []
  for await (const event of eventsOf(body)) events.push(event)
  return events
}

const STREAM =
  'retry: 1000\n\n: a comment\nevent: hit\nid: 1\ndata: {"a":"뮤"}\ndata:2\n\nevent: none\n\r\ndata\r\n\r\n'
const EVENTS = [
  { type: 'hit', data: '{"a":"뮤"}\n2' },
  { type: 'message', data: '' },
]

it('reads events as the standard does', async () => expect(await parsed(STREAM)).toEqual(EVENTS))

it('reads the same wherever the pieces end', async () => {
  const bytes = new TextEncoder().encode(STREAM)
  for (let at = 1; at < bytes.length; at++) {
    expect(await parsed(bytes.slice(0, at), bytes.slice(at)), `cut at ${at}`).toEqual(EVENTS)
  }
  expect(await parsed(...[...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(EVENTS)
})

it('leaves out an event that was cut off', async () =>
  expect(await parsed('data: 1\n\ndata: 2\n')).toEqual([{ type: 'message', data: '1' }]))
