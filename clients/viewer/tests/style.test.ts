import { expect, test } from 'vitest'

const sheets = import.meta.glob<string>('../src/**/*.css', { query: '?raw', import: 'default', eager: true })
const sheet = (path: string) => sheets[`../src/${path}`] ?? ''
const tokens = sheet('style/tokens.css')
const colours = Object.fromEntries(
  [...tokens.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g)].map(([, name, ...both]) => [name, both]),
)

/** WCAG's contrast of two colours. */
function contrast(one: string, other: string): number {
  const [light, dark] = [one, other].map(luminance).sort((a, b) => b - a) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}

function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

const GROUNDS = ['ground', 'raised', 'sunken', 'hover', 'chosen', 'good-ground', 'warn-ground', 'bad-ground']
const TEXTS = ['text', 'text-soft', 'text-faint', 'accent', 'accent-strong', 'good', 'warn', 'bad', 'fatal']

function lowest(names: string[], grounds: string[], least: number): string[] {
  return names.flatMap((name) =>
    grounds.flatMap((ground) =>
      [0, 1]
        .map((theme) => ({ theme, is: contrast(colours[name]![theme]!, colours[ground]![theme]!) }))
        .filter(({ is }) => is < least)
        .map(({ theme, is }) => `${name} on ${ground} (${theme ? 'dark' : 'light'}): ${is.toFixed(2)}`),
    ),
  )
}

test('every text can be read on every ground in both themes, 4.5:1', () => {
  expect(lowest(TEXTS, GROUNDS, 4.5)).toEqual([])
  expect(lowest(['on-accent'], ['accent', 'accent-strong'], 4.5)).toEqual([])
  expect(lowest(['on-mark'], ['mark', 'mark-active'], 4.5)).toEqual([])
})

test('the sixteen colours of a terminal can be read on the ground of lines and of errors, 4.5:1', () => {
  const ansi = Array.from({ length: 16 }, (_, index) => `ansi-${index}`)
  expect(lowest(ansi, ['raised', 'hover', 'bad-ground'], 4.5)).toEqual([])
})

test('the border of a field and bars that mean something stand out, 3:1', () => {
  expect(lowest(['line-field'], ['ground', 'raised', 'sunken'], 3)).toEqual([])
  expect(lowest(['bar-warn', 'bar-error', 'bar-fatal'], ['raised', 'ground'], 3)).toEqual([])
  expect(sheet('style/controls.css')).toMatch(/select,\ntextarea \{[^}]*border: 1px solid var\(--line-field\)/)
})

test('sizes, weights, space, radii, colours, layers and durations have one place', () => {
  const literal =
    /(?:font-size|border-radius): [\d.]+px|font-weight: \d|(?:padding|margin|gap)[\w-]*: [^;]*(?<![\w.-])(?:[2-9]|\d{2,})px|#[0-9a-f]{3,8}\b|z-index: [2-9]/
  const found = Object.entries(sheets)
    .filter(([path]) => !/(tokens|fonts)\.css$/.test(path))
    .flatMap(([path, text]) =>
      text.split('\n').flatMap((line) => (literal.test(line) ? `${path}: ${line.trim()}` : [])),
    )
  expect(found).toEqual([])
})

test('there are six sizes of text, three weights and eight spaces', () => {
  const count = (name: string) =>
    [...tokens.matchAll(new RegExp(`--${name}-\\w+: `, 'g'))].filter(([each]) => !/text-(soft|faint)/.test(each)).length
  expect([count('text'), count('weight'), count('space')]).toEqual([6, 3, 8])
})

test('motion stops for those who do not want it', () => {
  for (const [path, text] of Object.entries(sheets))
    for (const { index } of text.matchAll(/\banimation:/g))
      expect(text.slice(text.lastIndexOf('@media', index), index), path).toContain(
        'prefers-reduced-motion: no-preference',
      )
})
