// Rules of alerts: as they are written, and as a form has them.
import type { AlertLine } from './alerts'
import type { RequestError } from './requests'

export const CONDITIONS = ['line', 'count', 'failed', 'recovered', 'stage_failed', 'running', 'silent'] as const
export type Condition = (typeof CONDITIONS)[number]

export interface FilterFields {
  levels?: string | string[]
  sources?: string | string[]
  keywords?: string | string[]
  workerIds?: string | string[]
  expression?: string
  [other: string]: unknown
}

/** A rule as it is written in a file; what is left out is as by default. */
export interface RuleDocument {
  name: string
  when?: string
  filter?: string | FilterFields
  tasks?: string | string[]
  labels?: string[] | Record<string, string>
  count?: number
  within?: string
  for?: string
  group?: string
  notify?: string[] | null
  cooldown?: string
  resolve_after?: string
  severity?: string
  notifications_per_hour?: number
  digest?: string | null
  description?: string
}

export interface AlertRule {
  name: string
  when: string
  tasks: string[]
  labels: string[]
  notify: string[]
  severity: string
  description: string
  /** `file`, or who has stored it. */
  source: string
  openIncidents: number
  notificationsPerHour: number
  notificationsLastHour: number
  notifiedAt: string | null
  rule: RuleDocument
}

export interface RuleList {
  rules: AlertRule[]
  targets: string[]
}

export interface RulePreview {
  incidents: number
  matches: number
  lines: number
  examples: AlertLine[]
  isComplete: boolean
  since: string | null
}

/** Each field as text; `notify` apart. */
export interface RuleForm {
  name: string
  when: Condition
  filter: string
  tasks: string
  labels: string
  count: string
  within: string
  for: string
  group: string
  notify: string[]
  cooldown: string
  resolve_after: string
  severity: string
  notifications_per_hour: string
  digest: string
  description: string
}

export const NEW_RULE: RuleForm = {
  name: '',
  when: 'line',
  filter: '',
  tasks: '*',
  labels: '',
  count: '10',
  within: '5m',
  for: '15m',
  group: 'task',
  notify: [],
  cooldown: '15m',
  resolve_after: '30m',
  severity: 'warning',
  notifications_per_hour: '20',
  digest: '',
  description: '',
}

/** Fields that a condition has; the others are common to all. */
export const FIELDS_OF: Record<Condition, readonly (keyof RuleForm)[]> = {
  line: ['filter'],
  count: ['filter', 'count', 'within'],
  failed: [],
  recovered: [],
  stage_failed: [],
  running: ['for'],
  silent: ['for'],
}

const CONDITIONAL: readonly (keyof RuleForm)[] = ['filter', 'count', 'within', 'for']

/** Whether a condition can be tried on stored lines. */
export function canPreview(when: string): boolean {
  return ['line', 'count', 'failed', 'recovered'].includes(when)
}

export function formOf(rule: RuleDocument): RuleForm {
  const when = CONDITIONS.find((each) => each === rule.when) ?? 'line'
  return {
    ...NEW_RULE,
    name: rule.name,
    when,
    filter: expressionOf(rule.filter),
    tasks: listOf(rule.tasks ?? '*').join(', '),
    labels: labelsOf(rule.labels).join(', '),
    notify: rule.notify ?? [],
    ...textsOf(rule),
  }
}

function textsOf(rule: RuleDocument): Partial<RuleForm> {
  const names = [
    'count',
    'within',
    'for',
    'group',
    'cooldown',
    'resolve_after',
    'severity',
    'notifications_per_hour',
    'digest',
    'description',
  ] as const
  return Object.fromEntries(names.flatMap((name) => (rule[name] == null ? [] : [[name, String(rule[name])]])))
}

/** The rule as the gateway takes it; it judges what is in the fields. `before`: what the form began with. */
export function documentOf(form: RuleForm, before?: RuleDocument): RuleDocument {
  const used = new Set<string>(FIELDS_OF[form.when])
  const document: RuleDocument = { name: form.name.trim() }
  for (const [name, value] of Object.entries(form) as [keyof RuleForm, string | string[]][]) {
    if (name === 'name' || (CONDITIONAL.includes(name) && !used.has(name))) continue
    const given = givenOf(name, value)
    if (given !== undefined && (used.has(name) || value !== NEW_RULE[name])) Object.assign(document, { [name]: given })
  }
  if (used.has('filter')) document.filter = filterOf(form.filter.trim(), before?.filter)
  document.notify = form.notify
  return document
}

function givenOf(name: keyof RuleForm, value: string | string[]): unknown {
  if (Array.isArray(value)) return value
  const text = value.trim()
  if (!text) return undefined
  if (name === 'tasks' || name === 'labels') return listed(text)
  const isNumber = (name === 'count' || name === 'notifications_per_hour') && /^\d{1,9}$/.test(text)
  return isNumber ? Number(text) : text
}

/** Names between commas, blanks or lines. */
function listed(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean)
}

function filterOf(expression: string, before: RuleDocument['filter']): string | FilterFields {
  const times = typeof before === 'object' ? { startTime: before.startTime, endTime: before.endTime } : {}
  const kept = Object.fromEntries(Object.entries(times).filter(([, value]) => value))
  return Object.keys(kept).length ? { ...kept, expression } : expression
}

function listOf(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value]
}

export function labelsOf(labels: RuleDocument['labels']): string[] {
  if (!labels) return []
  return Array.isArray(labels) ? labels : Object.entries(labels).map(([name, value]) => `${name}=${value}`)
}

/** A filter as an expression that lets pass the same lines; see docs/filters.md. */
export function expressionOf(filter: RuleDocument['filter']): string {
  if (filter === undefined) return ''
  if (typeof filter === 'string') return filter
  const field = (name: string, values: string[]) => (values.length ? [`${name}:${values.map(quoted).join(',')}`] : [])
  const keywords = listOf(filter.keywords).map(quoted)
  const parts = [
    ...(keywords.length ? [keywords.join(' OR ')] : []),
    ...field('level', listOf(filter.levels)),
    ...field('worker', listOf(filter.workerIds)),
    ...field('source', listOf(filter.sources)),
    ...(filter.expression ? [filter.expression] : []),
  ]
  return parts.length > 1 ? parts.map((part) => (/\bOR\b/.test(part) ? `(${part})` : part)).join(' ') : (parts[0] ?? '')
}

function quoted(text: string): string {
  const isPlain = /^[\p{L}\p{N}_.@][\p{L}\p{N}_./@-]*$/u.test(text) && !/^(AND|OR|NOT)$/.test(text)
  return isPlain ? text : `"${text.replace(/["\\]/g, '\\$&')}"`
}

/** The field of a form that a refusal is about; '': the whole. */
export function fieldOf({ field = '' }: RequestError): keyof RuleForm | '' {
  const name = field.replace(/^rule\./, '')
  return name in NEW_RULE ? (name as keyof RuleForm) : ''
}
