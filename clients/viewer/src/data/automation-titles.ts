// Automation tasks have titles; their logs are named by ids that nobody can tell apart.
import { signal } from '@preact/signals'
import { read } from './requests'
import { usedPages } from './used-pages'

/** Titles by the id of the task, as far as they are known. */
export const automationTitles = signal<ReadonlyMap<string, string>>(new Map())

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const ASKED_MAX = 50
const asked = new Set<string>()

/** Look up the titles of those ids that may be automation tasks, each once, where automation is used. */
export async function findTitles(ids: readonly string[]): Promise<void> {
  if (!usedPages.value.has('automation')) return
  const fresh = ids.filter((id) => UUID.test(id) && !asked.has(id)).slice(0, ASKED_MAX)
  for (const id of fresh) asked.add(id)
  const found = await Promise.all(
    fresh.map((id) =>
      read<{ task: { title: string } }>(`/api/automation/tasks/${id}`, { isOptional: true }).then(
        ({ task }) => [[id, task.title] as const],
        () => [],
      ),
    ),
  )
  const titles = found.flat()
  if (titles.length) automationTitles.value = new Map([...automationTitles.value, ...titles])
}
