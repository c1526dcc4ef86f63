import { expect, test } from 'vitest'
import { endpoint, filterQuery } from '../src/address.ts'

test('every part of a filter has its own parameter', () => {
  const filter = {
    levels: ['WARN', 'ERROR'] as ('WARN' | 'ERROR')[],
    sources: ['stdout'] as 'stdout'[],
    keywords: ['a b', 'c'],
    workerIds: ['w'],
    startTime: '2026-01-01T00:00:00Z',
    endTime: '2026-01-02T00:00:00Z',
    expression: '-a, /b+/',
  }
  const { searchParams } = new URL(endpoint('http://gateway.test', 'search', filterQuery(filter)))
  expect(Object.fromEntries(searchParams)).toEqual({
    level: 'WARN,ERROR',
    source: 'stdout',
    keywords: 'a b,c',
    workerId: 'w',
    startTime: '2026-01-01T00:00:00Z',
    endTime: '2026-01-02T00:00:00Z',
    filter: '-a, /b+/',
  })
})

test('what is not given is not in the address', () => {
  expect(endpoint('http://gateway.test', 'tasks', filterQuery({ levels: [] }))).toBe(
    'http://gateway.test/api/v1/log-streaming/tasks',
  )
})
