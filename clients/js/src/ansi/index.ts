/**
 * A message as a terminal would show it, as plain text with spans over it: never markup, so that nothing in a line can
 * become any. What is different from a terminal, on purpose, is listed in docs/viewer.md.
 */
import { parse } from './escapes.ts'
import type { Pen } from './pen.ts'
import { type Cell, Screen } from './screen.ts'

export interface Span {
  start: number
  end: number
  /** Space-separated class names, or ''. */
  classes: string
  color?: string
  background?: string
  /** An address that the line gives for it, as it is: whoever follows it has to look at it first. */
  link?: string
}

export interface Painted {
  text: string
  spans: Span[]
}

/** Each is an element; what is behind the last one is shown without colours. */
export const SPANS_MAX = 1000

const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/

export function paint(message: string): Painted {
  if (!CONTROL.test(message)) return { text: message, spans: [] }
  const screen = new Screen(message.length)
  parse(message, screen)
  const painted: Painted = { text: '', spans: [] }
  for (const [at, cells] of screen.rows.entries()) {
    if (at) painted.text += '\n'
    addRow(painted, cells)
  }
  return painted
}

/** The text alone. */
export function plain(message: string): string {
  return paint(message).text
}

function addRow(painted: Painted, cells: readonly Cell[]): void {
  let length = cells.length
  while (length && cells[length - 1]?.text === '') length--
  for (let at = 0; at < length; ) {
    const { pen } = cells[at] as Cell
    const start = painted.text.length
    let run = ''
    for (; at < length && (cells[at] as Cell).pen === pen; at++) run += (cells[at] as Cell).text || ' '
    painted.text += run
    const span = spanOf(pen, start, painted.text.length)
    if (span) addSpan(painted.spans, span)
  }
}

function addSpan(spans: Span[], span: Span): void {
  const last = spans[spans.length - 1]
  const isSame =
    last?.end === span.start &&
    last.classes === span.classes &&
    last.color === span.color &&
    last.background === span.background &&
    last.link === span.link
  if (isSame) last.end = span.end
  else if (spans.length < SPANS_MAX) spans.push(span)
}

function spanOf(pen: Pen, start: number, end: number): Span | null {
  let [foreground, background] = [pen.foreground, pen.background]
  if (foreground === null && background === null && pen.attributes.size === 0 && !pen.link) return null
  const classes = [...pen.attributes].filter((name) => name !== 'inverse').map((name) => `ansi-${name}`)
  if (pen.attributes.has('inverse')) {
    ;[foreground, background] = [background ?? 'inverse', foreground ?? 'inverse']
  }
  const span: Span = { start, end, classes: '' }
  if (pen.link) span.link = pen.link
  if (foreground === 'inverse') classes.push('ansi-fg-ground')
  else if (typeof foreground === 'number') classes.push(`ansi-fg-${foreground}`)
  else if (foreground !== null) span.color = foreground
  if (background === 'inverse') classes.push('ansi-bg-text')
  else if (typeof background === 'number') classes.push(`ansi-bg-${background}`)
  else if (background !== null) span.background = background
  span.classes = classes.join(' ')
  return span
}
