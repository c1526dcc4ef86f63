/** Colours and attributes, as SGR sets them. */

/** An index of the 16 colours, or a CSS colour. */
export type Color = number | string

export interface Pen {
  readonly foreground: Color | null
  readonly background: Color | null
  readonly attributes: ReadonlySet<string>
  /** Where what is printed leads to. */
  readonly link?: string
}

export const PLAIN: Pen = { foreground: null, background: null, attributes: new Set() }

const SWITCHES: Record<number, string> = {
  1: 'bold',
  2: 'dim',
  3: 'italic',
  4: 'underline',
  7: 'inverse',
  8: 'conceal',
  9: 'strike',
  21: 'underline',
}
const SWITCHED_OFF: Record<number, string[]> = {
  22: ['bold', 'dim'],
  23: ['italic'],
  24: ['underline'],
  27: ['inverse'],
  28: ['conceal'],
  29: ['strike'],
}
const STEPS = [0, 95, 135, 175, 215, 255]
const UNDERLINE = 4
const FOREGROUND = 38
const BACKGROUND = 48
const UNDERLINE_COLOR = 58

export function withSgr(pen: Pen, parameters: readonly (readonly number[])[]): Pen {
  let { foreground, background } = pen
  let attributes = new Set(pen.attributes)
  for (let at = 0; at < parameters.length; at++) {
    const parameter = parameters[at] as number[]
    const code = Math.max(parameter[0] as number, 0)
    if (code === 0) {
      foreground = background = null
      attributes = new Set()
    } else if (code === FOREGROUND || code === BACKGROUND || code === UNDERLINE_COLOR) {
      const [color, used] = extended(parameters, at)
      at += used
      if (color !== null && code === FOREGROUND) foreground = color
      if (color !== null && code === BACKGROUND) background = color
    } else if (code === UNDERLINE && parameter[1] === 0) attributes.delete('underline')
    else if (SWITCHES[code]) attributes.add(SWITCHES[code])
    else if (SWITCHED_OFF[code]) for (const name of SWITCHED_OFF[code]) attributes.delete(name)
    else if (code >= 30 && code <= 37) foreground = code - 30
    else if (code >= 90 && code <= 97) foreground = code - 90 + 8
    else if (code >= 40 && code <= 47) background = code - 40
    else if (code >= 100 && code <= 107) background = code - 100 + 8
    else if (code === 39) foreground = null
    else if (code === 49) background = null
  }
  if (pen.link) return { foreground, background, attributes, link: pen.link }
  if (foreground === null && background === null && attributes.size === 0) return PLAIN
  return { foreground, background, attributes }
}

/** The same, leading to another address; '' is none. */
export function withLink({ foreground, background, attributes }: Pen, link: string): Pen {
  return link ? { foreground, background, attributes, link } : withSgr({ foreground, background, attributes }, [])
}

/**
 * The colour of `38:2:[space]:r:g:b`, `38:2:r:g:b`, `38:5:n`, or the same with semicolons (then without a space), and how
 * many further parameters it took. A kind that nobody knows takes all that could be its own.
 */
function extended(parameters: readonly (readonly number[])[], at: number): [Color | null, number] {
  const sub = parameters[at] as readonly number[]
  if (sub.length > 1) {
    const [, kind = 0, ...values] = sub
    return [colorOf(kind, kind === 2 && values.length > 3 ? values.slice(1) : values), 0]
  }
  const [kind = 0, ...values] = parameters.slice(at + 1, at + 5).map(([value = 0]) => value)
  return [colorOf(kind, values), kind === 5 ? 2 : 4]
}

function colorOf(kind: number, values: readonly number[]): Color | null {
  const byte = (at: number) => Math.min(Math.max(values[at] ?? 0, 0), 255)
  if (kind === 2) return rgb(byte(0), byte(1), byte(2))
  if (kind !== 5) return null
  const index = byte(0)
  if (index < 16) return index
  if (index >= 232) return rgb(8 + 10 * (index - 232), 8 + 10 * (index - 232), 8 + 10 * (index - 232))
  const cube = index - 16
  const step = (value: number) => STEPS[value] as number
  return rgb(step(Math.floor(cube / 36)), step(Math.floor(cube / 6) % 6), step(cube % 6))
}

function rgb(red: number, green: number, blue: number): string {
  return `rgb(${red}, ${green}, ${blue})`
}
