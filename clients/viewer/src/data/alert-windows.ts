// Maintenance windows: times at which nobody is notified.
import type { RequestError } from './requests'

export interface MaintenanceWindow {
  name: string
  rules: string[]
  tasks: string[]
  /** Null: it comes every week. */
  start: string | null
  end: string | null
  weekly: string | null
  isActive: boolean
  description: string
  source: string
}

export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

export interface WindowForm {
  name: string
  kind: 'once' | 'weekly'
  from: string
  to: string
  days: string[]
  time_zone: string
  rules: string
  tasks: string
  description: string
}

/** A form with the next hour in it. */
export function newWindow(now: Date, timeZone: string): WindowForm {
  const inHours = (hours: number) => localTime(new Date(now.getTime() + hours * 3_600_000))
  const form = { name: '', kind: 'once', days: [...DAYS], time_zone: timeZone, rules: '*', tasks: '*' } as const
  return { ...form, days: [...DAYS], from: inHours(0), to: inHours(1), description: '' }
}

/** As a field of a date and a time has it, in the machine's zone. */
export function localTime(time: Date): string {
  const two = (n: number) => String(n).padStart(2, '0')
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
  return `${day}T${two(time.getHours())}:${two(time.getMinutes())}`
}

/** The window as the gateway takes it. */
export function windowOf(form: WindowForm): Record<string, unknown> {
  const listed = (text: string) => text.split(/[\s,]+/).filter(Boolean)
  const common = {
    name: form.name.trim(),
    rules: listed(form.rules),
    tasks: listed(form.tasks),
    ...(form.description.trim() && { description: form.description.trim() }),
  }
  if (form.kind === 'once') return { ...common, from: instant(form.from), to: instant(form.to) }
  const { from, to, days, time_zone } = form
  return { ...common, weekly: { from, to, days, time_zone } }
}

function instant(local: string): string {
  const time = new Date(local)
  return Number.isNaN(time.getTime()) ? local : time.toISOString()
}

/** The field of a form that a refusal is about, by the first name in backticks; '': the whole. */
export function windowFieldOf({ message }: RequestError): keyof WindowForm | '' {
  const names = [...message.matchAll(/`(?:\$\.)?(?:weekly\.)?([a-z_]+)/g)].map(([, name]) => name ?? '')
  const known = ['name', 'from', 'to', 'days', 'time_zone', 'rules', 'tasks', 'description']
  return (names.find((name) => known.includes(name)) ?? '') as keyof WindowForm | ''
}
