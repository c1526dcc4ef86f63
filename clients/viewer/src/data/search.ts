// Search across tasks: what the stream of answers adds up to.
import type { Level } from './tasks'

export interface Line {
  taskId: string
  workerId: string
  sequence: number
  timestamp: string
  level: Level
  message: string
}

export interface Hit {
  entry: Line
  before: Line[]
  after: Line[]
}

export interface Progress {
  tasks: number
  tasksTotal: number
  lines: number
  hits: number
}

export interface Complete {
  tasks?: { taskId: string; count: number }[]
  scanned?: { tasks: number; lines: number }
  isComplete?: boolean
}

/** Parts of a text, those that match marked; case does not count, as in the gateway. */
export function marked(text: string, q: string): { text: string; isMatch: boolean }[] {
  const wanted = q.toLowerCase()
  const lower = text.toLowerCase()
  // A character whose lower case is longer moves everything behind it: better unmarked than marked wrongly.
  if (!wanted || lower.length !== text.length) return [{ text, isMatch: false }]
  const parts = []
  let from = 0
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, from)) {
    if (at > from) parts.push({ text: text.slice(from, at), isMatch: false })
    parts.push({ text: text.slice(at, at + wanted.length), isMatch: true })
    from = at + wanted.length
  }
  if (from < text.length) parts.push({ text: text.slice(from), isMatch: false })
  return parts
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control sequences are what it looks for
const CONTROLS = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]/g

/** A message without colours and other control sequences. */
export function plain(message: string): string {
  return message.replace(CONTROLS, '')
}
