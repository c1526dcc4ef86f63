// Pages of parts that not every gateway uses: they are offered once there is something on them.
import { signal } from '@preact/signals'
import { read } from './requests'

const NAME = 'otto.pages'
const PROBES = {
  executions: { path: '/api/logs/node-execution?limit=1', has: (answer: unknown) => hasItems(answer) },
  automation: { path: '/api/automation/tasks?limit=1', has: (answer: unknown) => hasItems(answer) },
  // Whoever has set ALERT_RULES uses alerts, also as long as nothing has happened.
  alerts: { path: '/api/v1/alerts/incidents?limit=1', has: () => true },
} as const
type Name = keyof typeof PROBES

/** Those that are in use, as far as this browser knows. */
export const usedPages = signal<ReadonlySet<string>>(new Set(remembered()))

let known: Promise<void> = Promise.resolve()

/** Look again: once for each time the pages are opened. */
export function findUsedPages(): Promise<void> {
  known = find()
  return known
}

/** Whether a page is in use, once that is known. */
export async function isUsed(name: Name): Promise<boolean> {
  await known
  return usedPages.value.has(name)
}

async function find(): Promise<void> {
  const found = await Promise.all(
    (Object.keys(PROBES) as Name[]).map(async (name) => {
      const { path, has } = PROBES[name]
      // Without a token nobody knows: what was known stays.
      return read(path, { isOptional: true }).then(
        (answer) => [name, has(answer)] as const,
        (error) => [name, ![404, 503].includes(error.status) && usedPages.value.has(name)] as const,
      )
    }),
  )
  usedPages.value = new Set(found.flatMap(([name, isUsed]) => (isUsed ? [name] : [])))
  try {
    localStorage.setItem(NAME, [...usedPages.value].join())
  } catch {}
}

/** Whether the list in an answer, whatever it is called, has an item. */
export function hasItems(answer: unknown): boolean {
  if (Array.isArray(answer)) return answer.length > 0
  const lists = Object.values(answer ?? {})
  return lists.some((value) => Array.isArray(value) && value.length > 0)
}

function remembered(): string[] {
  try {
    return (localStorage.getItem(NAME) ?? '').split(',').filter(Boolean)
  } catch {
    return []
  }
}
