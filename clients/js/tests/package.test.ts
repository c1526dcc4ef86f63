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

test('everything that the package exports at its top is below 6 KiB', async () => {
  expect(await size("export * from './index.ts'")).toBeLessThan(6 * 1024)
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
