/** One row's element. Everything that came from outside is put in as text. */

import type { LogEntry } from 'otto-logs'
import { paint, type Span } from 'otto-logs/ansi'
import type { TaskIncident } from '../data/task-incidents'
import { clock, duration } from '../data/times'
import { timeZone } from '../shell/preferences'
import { incidentUrl } from '../shell/routes'
import type { Words } from '../words/words'
import { type Mark, marksOf } from './filter-terms'
import { type Group, markerOf } from './folds'
import { mayBeJson } from './json-lines'
import { type Link, linksOf } from './links'
import type { Notice } from './notices'
import type { Row } from './row'
import type { Clock } from './times'

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
  /** Where files lead to, see links.ts. */
  repository: string
  incidentsAt(sequence: number): readonly TaskIncident[]
  /** What the mark of a line with incidents says. */
  incidentText(rules: string): string
  isChosen(sequence: number): boolean
  isActive(row: number): boolean
}

const LEVEL_TEXTS: Record<string, string> = {
  TRACE: 'TRC',
  DEBUG: 'DBG',
  INFO: '',
  WARN: 'WRN',
  ERROR: 'ERR',
  FATAL: 'FTL',
}
const WORKER_COLOURS = ['', ...[4, 2, 5, 6].map((index) => `var(--ansi-${index})`)]
/** Of the terms of a filter, in degrees. */
const TERM_HUES = [205, 130, 320, 20, 265, 175]

/** What a line's row says of the group that it heads. */
type Fold = Pick<Row & { kind: 'line' }, 'group' | 'isFolded' | 'folded'>

const SHOWN_MAX = 20_000

export function drawRow(element: HTMLElement, row: Row, number: number, look: RowLook): void {
  element.id = `log-row-${number}`
  element.setAttribute('role', 'row')
  element.setAttribute('aria-rowindex', String(number + 1))
  element.removeAttribute('aria-selected')
  element.removeAttribute('data-sequence')
  element.removeAttribute('data-level')
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
    element.dataset.level = row.event?.level ?? entry.level
    if (row.event) classes.push('is-event')
    if (row.group?.isEvent) classes.push('is-event-head')
    element.dataset.sequence = String(entry.sequence)
    if (look.isChosen(entry.sequence)) {
      classes.push('is-chosen')
      element.setAttribute('aria-selected', 'true')
    } else element.setAttribute('aria-selected', 'false')
    if (look.match === entry.sequence) classes.push('is-match')
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
  // The level's own word is for who hears it; INFO is what is normal, and takes no room.
  level.dataset.short = LEVEL_TEXTS[entry.level] ?? entry.level
  made_.push(level)
  if (look.hasWorkers) made_.push(workerCell(entry.workerId))
  if (look.hasSources) made_.push(made('span', 'log-source', entry.source))
  const message = made('span', 'log-message')
  fillMessage(message, entry, fold, look)
  const incidents = look.incidentsAt(entry.sequence)
  if (incidents.length) message.prepend(incidentMark(incidents, look))
  made_.push(message)
  for (const cell of made_) {
    // A time element has no role that a grid knows.
    cell.setAttribute('role', cell === number ? 'rowheader' : 'gridcell')
  }
  return made_
}

/** Two characters, for workers take turns; the colour tells those apart that have the same. */
function workerCell(workerId: string): HTMLElement {
  const cell = made('span', 'log-worker', workerId)
  cell.title = workerId
  cell.dataset.short = tagOf(workerId)
  const hash = [...workerId].reduce((sum, each) => (sum * 31 + (each.codePointAt(0) ?? 0)) % 9973, 7)
  cell.style.color = WORKER_COLOURS[hash % WORKER_COLOURS.length] as string
  return cell
}

/** `t2` for `tests-2`, `li` for `linter`. */
export function tagOf(workerId: string): string {
  const characters = [...workerId]
  const end = /\d$/.test(workerId) ? characters[characters.length - 1] : characters[1]
  return `${characters[0] ?? ''}${end ?? ''}`
}

function fillMessage(
  cell: HTMLElement,
  entry: LogEntry,
  { group, isFolded = false, folded = 0 }: Fold,
  look: RowLook,
): void {
  const marker = (group && !group.isEvent) || entry.message.includes('end') ? markerOf(entry.message) : null
  let { text, spans } = paint(marker ? marker.title : entry.message)
  if (group) {
    cell.append(foldButton(entry.sequence, isFolded, look))
    if (!group.isEvent) cell.classList.add('is-group')
    if (!text) text = look.t.group
  } else if (marker?.kind === 'end') {
    cell.classList.add('is-group-end')
    text = look.t.groupEnd
    spans = []
  } else if (mayBeJson(text)) cell.append(detailsButton(entry.sequence, look))
  const whole = text.length
  if (whole > SHOWN_MAX) text = text.slice(0, SHOWN_MAX)
  const links = linksOf(text, spans, look.repository)
  cell.append(...pieces(text, spans, marksOf(text, look.search, look.terms), links))
  if (whole > SHOWN_MAX) cell.append(made('span', 'log-aside', look.t.moreCharacters(whole - SHOWN_MAX)))
  const took = group && durationOf(group)
  if (took) cell.append(made('span', 'log-aside', took))
  if (group && isFolded && folded) cell.append(made('span', 'log-aside', look.t.foldedLines(folded)))
  if (entry.truncated) cell.append(made('span', 'log-aside', look.t.truncated(entry.originalSize ?? 0)))
}

/** Out of the order of Tab, as all links of lines: the details of the line have it in it. */
function incidentMark(incidents: readonly TaskIncident[], look: RowLook): HTMLElement {
  const mark = made('a', 'log-incident') as HTMLAnchorElement
  const text = look.incidentText(incidents.map(({ incident }) => incident.rule).join(', '))
  mark.href = incidentUrl(incidents[0]?.incident.id ?? '')
  mark.tabIndex = -1
  mark.title = text
  mark.setAttribute('aria-label', text)
  mark.dataset.state = incidents.some(({ incident }) => incident.isOpen) ? 'open' : 'resolved'
  return mark
}

function foldButton(sequence: number, isFolded: boolean, { t }: RowLook): HTMLElement {
  const button = rowButton('log-fold', isFolded ? t.unfold : t.fold)
  button.dataset.fold = String(sequence)
  button.setAttribute('aria-expanded', String(!isFolded))
  return button
}

function detailsButton(sequence: number, { t }: RowLook): HTMLElement {
  const button = rowButton('log-json', t.details(sequence))
  button.dataset.details = String(sequence)
  button.textContent = '{ }'
  return button
}

function rowButton(className: string, label: string): HTMLElement {
  const button = made('button', className) as HTMLButtonElement
  button.type = 'button'
  button.tabIndex = -1
  button.setAttribute('aria-label', label)
  return button
}

function durationOf({ startTime, endTime }: Group): string {
  const took = Date.parse(endTime ?? '') - Date.parse(startTime ?? '')
  return took >= 0 ? duration(took) : ''
}

/** Text nodes, spans for colours, links, and marks for what was searched, without overlap. */
function pieces(text: string, spans: readonly Span[], marks: readonly Mark[], links: readonly Link[]): Node[] {
  if (!spans.length && !marks.length && !links.length) return [document.createTextNode(text)]
  const nodes: Node[] = []
  const edges = new Set([0, text.length])
  for (const { start, end } of spans) edges.add(Math.min(start, text.length)).add(Math.min(end, text.length))
  for (const [start, end] of marks) edges.add(start).add(end)
  for (const { start, end } of links) edges.add(start).add(end)
  const sorted = [...edges].sort((a, b) => a - b)
  let [span, mark, link] = [0, 0, 0]
  for (let at = 0; at + 1 < sorted.length; at++) {
    const [start, end] = [sorted[at] as number, sorted[at + 1] as number]
    while (span < spans.length && (spans[span] as Span).end <= start) span++
    while (mark < marks.length && (marks[mark] as Mark)[1] <= start) mark++
    while (link < links.length && (links[link] as Link).end <= start) link++
    const painted = spans[span] && (spans[span] as Span).start <= start ? spans[span] : undefined
    const isMarked = marks[mark] !== undefined && (marks[mark] as Mark)[0] <= start
    let node: Node = document.createTextNode(text.slice(start, end))
    if (painted) {
      const element = made('span', painted.classes)
      for (const [, kind, index] of painted.classes.matchAll(/ansi-(fg|bg)-(\d+)/g))
        element.style.setProperty(kind === 'fg' ? '--ansi-foreground' : '--ansi-background', `var(--ansi-${index})`)
      if (painted.color) element.style.color = painted.color
      if (painted.background) element.style.backgroundColor = painted.background
      element.append(node)
      node = element
    }
    if (isMarked) {
      const element = made('mark', '')
      const term = marks[mark]?.[2]
      if (term !== undefined) {
        element.dataset.term = String(term)
        element.style.setProperty('--hue', String(TERM_HUES[term]))
      }
      element.append(node)
      node = element
    }
    const linked = links[link]
    if (linked && linked.start <= start) node = anchor(linked.url, node)
    nodes.push(node)
  }
  return nodes
}

/** Out of the order of Tab: thousands of rows may have one. The details of a line have them in it. */
function anchor(url: string, content: Node): HTMLElement {
  const element = made('a', 'log-link') as HTMLAnchorElement
  element.href = url
  element.target = '_blank'
  element.rel = 'noopener noreferrer'
  element.title = url
  element.tabIndex = -1
  element.append(content)
  return element
}

export function noticeText(notice: Notice, { t, now }: Pick<RowLook, 't' | 'now'>): string {
  const at = (milliseconds: number) => clock(milliseconds, now, timeZone.value)
  if (notice.kind === 'gap') return t.gap(notice.gap.from, notice.gap.to, notice.gap.reason)
  if (notice.kind === 'restart') return t.restarted(at(notice.since))
  if (notice.kind === 'end') return t.ended(notice.status)
  if (notice.until === null) return t.offline(at(notice.since))
  return t.wasOffline(at(notice.since), duration(notice.until - notice.since))
}

function made(name: string, className: string, text?: string): HTMLElement {
  const element = document.createElement(name)
  if (className) element.className = className
  if (text !== undefined) element.textContent = text
  return element
}
