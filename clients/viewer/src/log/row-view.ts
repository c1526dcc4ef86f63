/** One row's element. Everything that came from outside is put in as text. */

import type { LogEntry } from 'otto-logs'
import { paint, type Span } from 'otto-logs/ansi'
import type { Words } from '../words/words'
import { type Mark, marksOf } from './filter-terms'
import { markerOf } from './folds'
import type { Row } from './log-model'
import type { Notice } from './notices'
import { absoluteText, type Clock, durationText } from './times'

export interface RowLook {
  t: Words['log']
  clock: Clock
  now: number
  search: string
  /** Texts of the filter. */
  terms: readonly string[]
  match: number | null
  hasWorkers: boolean
  hasSources: boolean
  isChosen(sequence: number): boolean
  isActive(row: number): boolean
}

/** What a line's row says of the group that it heads. */
type Fold = Pick<Row & { kind: 'line' }, 'group' | 'isFolded' | 'folded'>

const SHOWN_MAX = 20_000

export function drawRow(element: HTMLElement, row: Row, number: number, look: RowLook): void {
  element.id = `log-row-${number}`
  element.setAttribute('role', 'row')
  element.setAttribute('aria-rowindex', String(number + 1))
  element.removeAttribute('aria-selected')
  element.removeAttribute('aria-expanded')
  element.removeAttribute('data-sequence')
  element.style.removeProperty('--depth')
  const classes = ['log-row']
  if (look.isActive(number)) classes.push('is-active')
  if (row.kind === 'notice') {
    classes.push('is-notice', `is-${row.notice.kind}`)
    if (row.notice.kind === 'end') classes.push(`ended-${row.notice.status.toLowerCase().replace(/[^a-z]/g, '')}`)
    const cell = made('span', 'log-notice', noticeText(row.notice, look))
    cell.setAttribute('role', 'gridcell')
    element.replaceChildren(cell)
  } else if (!row.entry) {
    classes.push(row.entry === null ? 'is-missing' : 'is-loading')
    const cell = made('span', 'log-message', row.entry === null ? look.t.missingLine : '\u00a0')
    cell.setAttribute('role', 'gridcell')
    element.replaceChildren(cell)
  } else {
    const { entry } = row
    classes.push(`level-${entry.level.toLowerCase()}`)
    element.dataset.sequence = String(entry.sequence)
    if (look.isChosen(entry.sequence)) {
      classes.push('is-chosen')
      element.setAttribute('aria-selected', 'true')
    } else element.setAttribute('aria-selected', 'false')
    if (look.match === entry.sequence) classes.push('is-match')
    if (row.group) element.setAttribute('aria-expanded', String(!row.isFolded))
    element.replaceChildren(...cells(entry, row, look))
  }
  element.className = classes.join(' ')
}

function cells(entry: LogEntry, fold: Fold, look: RowLook): HTMLElement[] {
  const number = made('span', 'log-number', String(entry.sequence))
  number.title = look.t.chooseLine
  const made_: HTMLElement[] = [number]
  if (look.clock.format !== 'none') {
    const time = made('time', 'log-time', look.clock.text(entry.timestamp, look.now))
    time.setAttribute('datetime', entry.timestamp)
    time.title = entry.timestamp
    made_.push(time)
  }
  const level = made('span', 'log-level', entry.level)
  made_.push(level)
  if (look.hasWorkers) {
    const worker = made('span', 'log-worker', entry.workerId)
    worker.title = entry.workerId
    made_.push(worker)
  }
  if (look.hasSources) made_.push(made('span', 'log-source', entry.source))
  const message = made('span', 'log-message')
  fillMessage(message, entry, fold, look)
  made_.push(message)
  for (const cell of made_) {
    // A time element has no role that a grid knows.
    cell.setAttribute('role', cell === number ? 'rowheader' : 'gridcell')
  }
  return made_
}

function fillMessage(
  cell: HTMLElement,
  entry: LogEntry,
  { group, isFolded = false, folded = 0 }: Fold,
  look: RowLook,
): void {
  const marker = group || entry.message.includes('end') ? markerOf(entry.message) : null
  let { text, spans } = paint(marker ? marker.title : entry.message)
  if (marker && group) {
    const button = made('button', 'log-fold') as HTMLButtonElement
    button.type = 'button'
    button.tabIndex = -1
    button.dataset.fold = String(entry.sequence)
    button.setAttribute('aria-label', isFolded ? look.t.unfold : look.t.fold)
    button.setAttribute('aria-expanded', String(!isFolded))
    cell.append(button)
    cell.classList.add('is-group')
    if (!text) text = look.t.group
  } else if (marker?.kind === 'end') {
    cell.classList.add('is-group-end')
    text = look.t.groupEnd
    spans = []
  }
  const whole = text.length
  if (whole > SHOWN_MAX) text = text.slice(0, SHOWN_MAX)
  cell.append(...pieces(text, spans, marksOf(text, look.search, look.terms)))
  if (whole > SHOWN_MAX) cell.append(made('span', 'log-aside', look.t.moreCharacters(whole - SHOWN_MAX)))
  if (group && isFolded && folded) cell.append(made('span', 'log-aside', look.t.foldedLines(folded)))
  if (entry.truncated) cell.append(made('span', 'log-aside', look.t.truncated(entry.originalSize ?? 0)))
}

/** Text nodes, spans for colours and marks for what was searched, without overlap. */
function pieces(text: string, spans: readonly Span[], marks: readonly Mark[]): Node[] {
  if (!spans.length && !marks.length) return [document.createTextNode(text)]
  const nodes: Node[] = []
  const edges = new Set([0, text.length])
  for (const { start, end } of spans) edges.add(Math.min(start, text.length)).add(Math.min(end, text.length))
  for (const [start, end] of marks) edges.add(start).add(end)
  const sorted = [...edges].sort((a, b) => a - b)
  let [span, mark] = [0, 0]
  for (let at = 0; at + 1 < sorted.length; at++) {
    const [start, end] = [sorted[at] as number, sorted[at + 1] as number]
    while (span < spans.length && (spans[span] as Span).end <= start) span++
    while (mark < marks.length && (marks[mark] as Mark)[1] <= start) mark++
    const painted = spans[span] && (spans[span] as Span).start <= start ? spans[span] : undefined
    const isMarked = marks[mark] !== undefined && (marks[mark] as Mark)[0] <= start
    let node: Node = document.createTextNode(text.slice(start, end))
    if (painted) {
      const element = made('span', painted.classes)
      if (painted.color) element.style.color = painted.color
      if (painted.background) element.style.backgroundColor = painted.background
      element.append(node)
      node = element
    }
    if (isMarked) {
      const element = made('mark', '')
      const term = marks[mark]?.[2]
      if (term !== undefined) element.dataset.term = String(term)
      element.append(node)
      node = element
    }
    nodes.push(node)
  }
  return nodes
}

export function noticeText(notice: Notice, { t, now }: Pick<RowLook, 't' | 'now'>): string {
  const at = (milliseconds: number) => absoluteText(new Date(milliseconds), new Date(now)).replace(/\.\d+$/, '')
  if (notice.kind === 'gap') return t.gap(notice.gap.from, notice.gap.to, notice.gap.reason)
  if (notice.kind === 'restart') return t.restarted(at(notice.since))
  if (notice.kind === 'end') return t.ended(notice.status)
  if (notice.until === null) return t.offline(at(notice.since))
  return t.wasOffline(at(notice.since), durationText(notice.until - notice.since))
}

function made(name: string, className: string, text?: string): HTMLElement {
  const element = document.createElement(name)
  if (className) element.className = className
  if (text !== undefined) element.textContent = text
  return element
}
