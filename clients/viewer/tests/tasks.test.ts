import { afterEach, beforeEach, expect, it, vi } from 'vitest'

const answers = new Map<string, (query: URLSearchParams) => unknown>()

beforeEach(() => {
  vi.stubGlobal('fetch', async (address: string) => {
    const url = new URL(address, 'http://gateway')
    const answer = answers.get(url.pathname)
    if (!answer) return Response.json({ error: { code: 'NOT_FOUND', message: 'no such path' } }, { status: 404 })
    return Response.json(answer(url.searchParams))
  })
})
afterEach(() => {
  answers.clear()
  vi.unstubAllGlobals()
})

const load = async (query = {}) =>
  (await import('../src/data/tasks')).tasksOf({ search: '', status: '', limit: 50, ...query })

it('follows cursors until there are as many as wanted', async () => {
  answers.set('/api/v1/log-streaming/tasks', (query) => ({
    tasks: [{ taskId: `after ${query.get('cursor')}`, status: 'RUNNING', lines: 1 }],
    next: query.has('cursor') ? null : 'c',
    total: 2,
  }))
  const page = await load()
  expect(page.tasks.map((task) => task.taskId)).toEqual(['after null', 'after c'])
  expect([page.total, page.next]).toEqual([2, null])
})

it('tells how far the tasks are that run', async () => {
  answers.set('/api/v1/log-streaming/tasks', () => ({
    tasks: ['runs', 'ran', 'plain'].map((taskId) => ({
      taskId,
      status: taskId === 'ran' ? 'COMPLETED' : 'RUNNING',
      lines: 1,
    })),
    next: null,
    total: 3,
  }))
  answers.set('/api/v1/log-streaming/pipelines/plain/stages', () => ({ stages: [] }))
  answers.set('/api/v1/log-streaming/pipelines/runs/stages', () => ({
    stages: [
      { status: 'STAGE_COMPLETED' },
      { status: 'STAGE_RUNNING', progressPercentage: 50 },
      { status: 'STAGE_PENDING' },
    ],
  }))
  expect((await load()).tasks.map((task) => task.progress)).toEqual([50, null, null])
})
