// Opens streams with the built package as it is told to, and prints what they say as JSON, one line per event.
// Commands come on standard input as JSON arrays: ["open", name, options], ["pipeline", name, options], ["filter", name,
// filter], ["close", name]. In options, `tokens` is what getToken gives, one after the other.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { openLogStream, openPipeline } from '../../../clients/js/dist/index.js'

const library = createRequire(new URL('../../../clients/js/package.json', import.meta.url))('socket.io-client')
const print = (...said) => process.stdout.write(`${JSON.stringify(said)}\n`)
const streams = new Map()
let sockets = 0
const io = (...call) => {
  print('', 'socket', ++sockets)
  return library.io(...call)
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command, name, argument] = JSON.parse(line)
  const stream = streams.get(name)
  if (command === 'filter') {
    stream.setFilter(argument).then(
      () => print(name, 'filtered', null),
      (error) => print(name, 'refused', error.code),
    )
  } else if (command === 'close') {
    stream.close()
    print(name, 'position', stream.position ?? null)
  } else {
    const { tokens, ...options } = argument
    const given = { io, backoff: { min: 20, max: 200 }, ...options }
    if (tokens) given.getToken = () => tokens[Math.min(++given.asked, tokens.length) - 1]
    given.asked = 0
    const opened = command === 'open' ? openLogStream(given) : openPipeline(given)
    streams.set(name, opened)
    for (const type of ['entries', 'gap', 'restart', 'complete', 'progress', 'state']) {
      opened.on(type, (value) => print(name, type, type === 'entries' ? value.map((entry) => entry.message) : value))
    }
    opened.on('error', ({ code, message }) => print(name, 'error', { code, message }))
  }
}
process.exit(0)
