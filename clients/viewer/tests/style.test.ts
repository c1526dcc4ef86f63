import { expect, test } from 'vitest'
import colourSheet from '../src/style/colours.css?raw'
import controlSheet from '../src/style/controls.css?raw'

const colours = Object.fromEntries(
  [...colourSheet.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g)].map(([, name, ...both]) => [name, both]),
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

test('the border of a field stands out from every ground in both themes', () => {
  for (const ground of ['ground', 'raised', 'sunken']) {
    for (const theme of [0, 1]) {
      expect(contrast(colours['line-field']![theme]!, colours[ground]![theme]!), ground).toBeGreaterThanOrEqual(3)
    }
  }
  expect(controlSheet).toMatch(/select,\ntextarea \{[^}]*border: 1px solid var\(--line-field\)/)
})
