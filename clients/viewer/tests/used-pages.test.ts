import { afterEach, expect, test, vi } from 'vitest'
import { automationTitles, findTitles } from '../src/data/automation-titles'
import { findUsedPages, hasItems, usedPages } from '../src/data/used-pages'

const ID = 'f34ee5bd-1c87-4103-a1b6-1c007e4762ae'

function answering(answers: Record<string, unknown>) {
  const asked = vi.fn(async (address: string) => {
    const answer = answers[address.split('?')[0] ?? '']
    return answer
      ? Response.json(answer)
      : Response.json({ error: { code: 'NOT_FOUND', message: 'off' } }, { status: 404 })
  })
  vi.stubGlobal('fetch', asked)
  return asked
}

afterEach(() => vi.unstubAllGlobals())

test('a page is offered once there is something on it', async () => {
  answering({ '/api/logs/node-execution': { logs: [{ id: 1 }] }, '/api/automation/tasks': { tasks: [], total: 0 } })
  await findUsedPages()
  expect([...usedPages.value]).toEqual(['executions'])
  expect([hasItems([1]), hasItems({ rows: [] }), hasItems(null)]).toEqual([true, false, false])
})

test('alerts are offered where the gateway was started with them, also before anything has happened', async () => {
  answering({ '/api/v1/alerts/incidents': { incidents: [], next: null } })
  await findUsedPages()
  expect([...usedPages.value]).toEqual(['alerts'])
})

test('where the gateway wants a token, what was known stays; what is switched off is not offered', async () => {
  usedPages.value = new Set(['executions', 'automation'])
  const refusal = { error: { code: 'UNAUTHENTICATED', message: 'no token' } }
  vi.stubGlobal('fetch', async (address: string) =>
    Response.json(refusal, { status: address.includes('logs') ? 401 : 404 }),
  )
  await findUsedPages()
  expect([...usedPages.value]).toEqual(['executions'])
})

test('the title of an automation task is asked for once, and of nothing else', async () => {
  const asked = answering({ [`/api/automation/tasks/${ID}`]: { task: { title: 'Street food' } } })
  await findTitles([ID])
  expect(asked).not.toHaveBeenCalled()
  usedPages.value = new Set(['automation'])
  await findTitles([ID, 'web-1'])
  await findTitles([ID])
  expect(automationTitles.value.get(ID)).toBe('Street food')
  expect(asked).toHaveBeenCalledTimes(1)
})
