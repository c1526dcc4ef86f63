// What a real terminal makes of a text: @xterm/headless as the oracle.
import headless, { type IBufferCell } from '@xterm/headless'
import { type Painted, paint } from 'otto-logs/ansi'

export interface Shown {
  text: string
  /** What each character that is not blank looks like. */
  looks: string[]
}

const ATTRIBUTES = ['bold', 'conceal', 'dim', 'italic', 'strike', 'underline']

export async function onTerminal(text: string): Promise<Shown> {
  const terminal = new headless.Terminal({ cols: 1000, rows: 60, convertEol: true, allowProposedApi: true })
  await new Promise<void>((resolve) => terminal.write(text, resolve))
  const lines: string[] = []
  const looks: string[] = []
  for (let row = 0; row < 60; row++) {
    const line = terminal.buffer.active.getLine(row)
    const text = line?.translateToString(true) ?? ''
    lines.push(text)
    for (let column = 0; column < text.length; column++) {
      const cell = line?.getCell(column)
      if (cell?.getChars().trim()) looks.push(lookOf(cell))
    }
  }
  terminal.dispose()
  return { text: lines.join('\n').trimEnd(), looks }
}

export function inViewer(message: string): Shown {
  const painted = paint(message)
  return { text: painted.text.trimEnd(), looks: looksOf(painted) }
}

function lookOf(cell: IBufferCell): string {
  const is = [
    cell.isBold(),
    cell.isInvisible(),
    cell.isDim(),
    cell.isItalic(),
    cell.isStrikethrough(),
    cell.isUnderline(),
  ]
  let foreground = cell.isFgDefault() ? '' : colorOf(cell.getFgColor(), cell.isFgRGB())
  let background = cell.isBgDefault() ? '' : colorOf(cell.getBgColor(), cell.isBgRGB())
  if (cell.isInverse()) [foreground, background] = [background || 'ground', foreground || 'text']
  return [ATTRIBUTES.filter((_, at) => is[at]).join(' '), foreground, background].join('|')
}

function colorOf(value: number, isRgb: boolean): string {
  if (isRgb) return `rgb(${value >> 16}, ${(value >> 8) & 255}, ${value & 255})`
  if (value < 16) return String(value)
  const step = (of: number) => (of ? 55 + 40 * of : 0)
  const [cube, grey] = [value - 16, 8 + 10 * (value - 232)]
  if (value >= 232) return `rgb(${grey}, ${grey}, ${grey})`
  return `rgb(${step(Math.floor(cube / 36))}, ${step(Math.floor(cube / 6) % 6)}, ${step(cube % 6)})`
}

function looksOf({ text, spans }: Painted): string[] {
  const looks: string[] = []
  for (let at = 0; at < text.length; at++) {
    if (!text.charAt(at).trim()) continue
    const span = spans.find(({ start, end }) => start <= at && at < end)
    const classes = span?.classes.split(' ') ?? []
    const attributes = ATTRIBUTES.filter((name) => classes.includes(`ansi-${name}`)).join(' ')
    const color = (kind: string) => classes.find((name) => name.startsWith(`ansi-${kind}-`))?.slice(8) ?? ''
    looks.push([attributes, span?.color ?? color('fg'), span?.background ?? color('bg')].join('|'))
  }
  return looks
}
