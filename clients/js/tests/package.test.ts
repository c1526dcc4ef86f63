/** What is promised of the package as a whole. */
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { CLOSE_REASONS, mayReconnect, RECONNECT_FORBIDDEN_FROM } from '../src/index.ts'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

async function size(contents: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: new URL('../src', import.meta.url).pathname, loader: 'ts' },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    // Loaded only where it is asked for.
    external: ['./socket-io.ts', 'react', 'vue'],
  })
  return gzipSync(outputFiles[0]!.contents, { level: 9 }).length
}

test('the core is below 6 kB', async () => {
  expect(await size("export { openLogStream } from './index.ts'")).toBeLessThan(6000)
})

test('everything that the package exports at its top is below 6.4 kB', async () => {
  expect(await size("export * from './index.ts'")).toBeLessThan(6400)
})

test('close codes are the gateway’s', () => {
  const source = read('../../../sessions/close_reasons.py')
  const theirs = [...source.matchAll(/^ {4}([A-Z_]+) = \(\s*(\d+),\s*"([A-Z_]+)"/gm)]
  for (const [, name, , code] of theirs) expect(code).toBe(name)
  expect(CLOSE_REASONS).toEqual(Object.fromEntries(theirs.map(([, , number, code]) => [code, Number(number)])))
  expect(RECONNECT_FORBIDDEN_FROM).toBe(Number(/RECONNECT_FORBIDDEN_FROM: Final = (\d+)/.exec(source)![1]))
})

test('close codes from 4500 on forbid to come back', () => {
  for (const [code, number] of Object.entries(CLOSE_REASONS)) expect(mayReconnect(code)).toBe(number < 4500)
  expect(mayReconnect('NEVER_HEARD_OF')).toBe(true)
})

test.each(['react', 'vue'])('the adapter for %s is below 80 lines', (name) => {
  expect(read(`../src/${name}.ts`).split('\n').length).toBeLessThan(80)
})

const types = read('../src/types.ts')
const readme = read('../README.md')
const text = readme.replaceAll(/\s+/g, ' ') // wherever its lines are broken
const part = (title: string) => new RegExp(`^### ${title}$(.*?)^##`, 'ms').exec(readme)![1]!

/** What an interface declares itself. */
function fields(name: string): string[] {
  const body = new RegExp(`interface ${name}\\b[^{]*{\\n(.*?)^}`, 'ms').exec(types)![1]!
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[(:<]/gm)].map(([, field]) => field!)
}

test.each([
  ['Options', ['GatewayOptions', 'ConnectionOptions', 'LogStreamOptions', 'PipelineOptions', 'LogFilter']],
  ['A stream', ['Stream', 'LogStream', 'PipelineStream']],
  ['Events', ['StreamEvents', 'LogStreamEvents', 'PipelineStreamEvents', 'Gap', 'Restart', 'Completion']],
  ['Events', ['LogEntry', 'PipelineProgress']],
])('the reference has all %s, and no others in its tables', (title, names) => {
  const declared = names.flatMap(fields)
  expect(declared.length).toBeGreaterThan(5)
  for (const field of declared) expect(part(title)).toMatch(new RegExp(`\\b${field}\\b`))
  const rows = [...part(title).matchAll(/^\| `(\w+)/gm)].map(([, field]) => field)
  if (title === 'Events') return
  for (const row of rows) expect(declared).toContain(row)
})

test('the reference has the defaults and close codes of the code', () => {
  const number = (file: string, name: string) => {
    const digits = new RegExp(`const ${name} = ([\\d_]+)`).exec(read(`../src/${file}.ts`))![1]!
    return Number(digits.replaceAll('_', ''))
  }
  const options = part('Options')
  expect(options).toContain(
    `{ min: ${number('reconnecting', 'BACKOFF_MIN')}, max: ${number('reconnecting', 'BACKOFF_MAX')} }`,
  )
  expect(options).toContain(`${number('reconnecting', 'SILENCE').toLocaleString('en')} ms`)
  expect(options).toContain(`${number('log-stream', 'BUFFER_SIZE').toLocaleString('en')} lines`)
  expect(text).toContain(`silent for ${number('reconnecting', 'SILENCE_IN_SIGHT') / 1000} s`)
  expect(text).toContain(`up to ${number('backoff', 'ASKED_MAX') / 60_000} minutes`)
  expect(text).toContain(`up to ${number('socket-io', 'CHANNELS_MAX')}.`)
  expect(text).toContain(`no answer for ${number('shared', 'ANSWER_MILLISECONDS') / 1000} s`)
  const rows = [...readme.matchAll(/^\| (\d+) \| `(\w+)` \| (.*) \|$/gm)]
  expect(Object.fromEntries(rows.map(([, code, name]) => [name, Number(code)]))).toEqual(CLOSE_REASONS)
  for (const [, , name, comes] of rows) expect(comes !== 'no').toBe(mayReconnect(name!))
})
