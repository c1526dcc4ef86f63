/**
 * The colours of a line, as spans over its plain text: never markup, so that nothing in a line can become any.
 * SGR is understood (16, 256 and true colours, and the usual attributes); all other escape sequences are dropped.
 * A carriage return begins the line anew, as on a terminal. Other control characters become their visible pictures.
 */
export interface Span {
  start: number
  end: number
  /** Space-separated class names, or ''. */
  classes: string
  color?: string
  background?: string
}

export interface Painted {
  text: string
  spans: Span[]
}

interface Pen {
  foreground: number | string | null
  background: number | string | null
  attributes: Set<string>
}

// Written as text: literal control characters in expressions are easily misread.
const expression = (...parts: string[]) => new RegExp(parts.join('|'), 'g')
const ESCAPE = expression(
  '(?:\\x1b\\[|\\x9b)([0-?]*)[ -/]*([@-~])?', // CSI
  '(?:\\x1b[\\]PX^_]|[\\x90\\x98\\x9d-\\x9f])[^\\x07\\x1b\\x9c]*(?:\\x07|\\x1b\\\\|\\x9c)?', // OSC, DCS, PM, APC, to their end
  '\\x1b[ -/]*[0-~]?', // two characters
)
const CONTROLS = '\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f'
const CONTROL = expression(`[${CONTROLS}]`)
const PLAIN = new RegExp(`^[^${CONTROLS}]*$`)

const SWITCHES: Record<number, [string, ...string[]]> = {
  1: ['bold'],
  2: ['dim'],
  3: ['italic'],
  4: ['underline'],
  7: ['inverse'],
  8: ['conceal'],
  9: ['strike'],
  21: ['underline'],
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

export function paint(message: string): Painted {
  if (PLAIN.test(message)) return { text: message, spans: [] }
  const spans: Span[] = []
  const pen: Pen = { foreground: null, background: null, attributes: new Set() }
  let text = ''
  let from = 0

  const write = (piece: string) => {
    if (!piece) return
    // What stands before the last carriage return was overwritten, unless nothing followed.
    const parts = piece.replace(/\r+$/, '').split('\r')
    const kept = parts[parts.length - 1] ?? ''
    if (parts.length > 1) {
      text = ''
      spans.length = 0
    }
    const visible = kept.replace(CONTROL, (c) => picture(c))
    const span = spanOf(pen, text.length, text.length + visible.length)
    if (span && visible) spans.push(span)
    text += visible
  }

  const trimmed = message.replace(/\r+$/, '')
  for (const match of trimmed.matchAll(ESCAPE)) {
    write(trimmed.slice(from, match.index))
    // A return at the end of a piece that is followed by an escape sequence starts the line anew, too.
    if (match.index > from && trimmed[match.index - 1] === '\r') {
      text = ''
      spans.length = 0
    }
    from = match.index + match[0].length
    if (match[2] === 'm') apply(pen, match[1] ?? '')
  }
  write(trimmed.slice(from))
  return { text, spans }
}

/** The text alone. */
export function plain(message: string): string {
  return paint(message).text
}

function picture(control: string): string {
  const code = control.charCodeAt(0)
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  return code === 0x7f ? '\u2421' : '\ufffd'
}

function apply(pen: Pen, parameters: string): void {
  const codes = parameters
    .replaceAll(':', ';')
    .split(';', 64)
    .map((part) => Number.parseInt(part, 10) || 0)
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] as number
    if (code === 0) {
      pen.foreground = pen.background = null
      pen.attributes.clear()
    } else if (SWITCHES[code]) pen.attributes.add(SWITCHES[code][0])
    else if (SWITCHED_OFF[code]) for (const name of SWITCHED_OFF[code]) pen.attributes.delete(name)
    else if (code >= 30 && code <= 37) pen.foreground = code - 30
    else if (code >= 90 && code <= 97) pen.foreground = code - 90 + 8
    else if (code >= 40 && code <= 47) pen.background = code - 40
    else if (code >= 100 && code <= 107) pen.background = code - 100 + 8
    else if (code === 39) pen.foreground = null
    else if (code === 49) pen.background = null
    else if (code === 38 || code === 48) {
      const [color, used] = extended(codes, at + 1)
      at += used
      if (color !== null) {
        if (code === 38) pen.foreground = color
        else pen.background = color
      }
    }
  }
}

/** `5;n` or `2;r;g;b`: the colour, and how many codes it took. */
function extended(codes: number[], at: number): [number | string | null, number] {
  const byte = (offset: number) => Math.min(Math.max(codes[at + offset] ?? 0, 0), 255)
  if (codes[at] === 5) {
    const index = byte(1)
    if (index < 16) return [index, 2]
    if (index >= 232) return [rgb(8 + 10 * (index - 232), 8 + 10 * (index - 232), 8 + 10 * (index - 232)), 2]
    const cube = index - 16
    const step = (value: number) => STEPS[value] as number
    return [rgb(step(Math.floor(cube / 36)), step(Math.floor(cube / 6) % 6), step(cube % 6)), 2]
  }
  if (codes[at] === 2) return [rgb(byte(1), byte(2), byte(3)), 4]
  return [null, 0]
}

function rgb(red: number, green: number, blue: number): string {
  return `rgb(${red}, ${green}, ${blue})`
}

function spanOf(pen: Pen, start: number, end: number): Span | null {
  let [foreground, background] = [pen.foreground, pen.background]
  if (foreground === null && background === null && pen.attributes.size === 0) return null
  const classes = [...pen.attributes].filter((name) => name !== 'inverse').map((name) => `ansi-${name}`)
  if (pen.attributes.has('inverse')) {
    ;[foreground, background] = [background ?? 'inverse', foreground ?? 'inverse']
  }
  const span: Span = { start, end, classes: '' }
  if (foreground === 'inverse') classes.push('ansi-fg-ground')
  else if (typeof foreground === 'number') classes.push(`ansi-fg-${foreground}`)
  else if (foreground !== null) span.color = foreground
  if (background === 'inverse') classes.push('ansi-bg-text')
  else if (typeof background === 'number') classes.push(`ansi-bg-${background}`)
  else if (background !== null) span.background = background
  span.classes = classes.join(' ')
  return span
}
