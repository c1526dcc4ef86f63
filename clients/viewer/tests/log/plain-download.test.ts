import { expect, test } from 'vitest'
import { withoutColours } from '../../src/log/plain-download'

test('a file without colours has every line as a terminal leaves it, wherever its pieces end', async () => {
  const pieces = ['\x1b[3', '2mok\x1b[0m fir', 'st\nsecond\n한', 'last']
  const body = new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece))
      controller.close()
    },
  })
  expect(await (await withoutColours(new Response(body))).text()).toBe('ok first\nsecond\n한last')
})
