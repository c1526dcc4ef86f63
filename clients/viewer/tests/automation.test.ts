import { expect, it } from 'vitest'
import { canRetry, isActive, newTaskOf, statusOf } from '../src/data/automation'

const form = {
  title: ' A film ',
  type: 'shortform',
  mediaMode: '',
  settings: '',
  when: '',
  repeat: '',
  timezone: 'Asia/Seoul',
  privacy: '',
}

it('has a title and what was filled in, nothing else', () => {
  expect(newTaskOf(form)).toEqual({ task: { title: 'A film', type: 'shortform' } })
})

it('puts the way of images into the settings', () => {
  expect(newTaskOf({ ...form, settings: '{"format": "9:16"}', mediaMode: 'crawl' })).toEqual({
    task: { title: 'A film', type: 'shortform', settings: { format: '9:16', mediaMode: 'crawl' } },
  })
})

it('starts later in the time zone of the reader', () => {
  const made = newTaskOf({ ...form, when: '2026-01-31T09:00', repeat: 'monthly', privacy: 'private' })
  expect(made).toMatchObject({
    task: {
      schedule: {
        scheduled_time: new Date('2026-01-31T09:00').toISOString(),
        repeat_type: 'monthly',
        timezone: 'Asia/Seoul',
        youtube_privacy: 'private',
      },
    },
  })
})

it.each([
  ['title', { title: '  ' }],
  ['settings', { settings: '{' }],
  ['settings', { settings: '[1]' }],
  ['when', { repeat: 'daily' }],
])('names the field that is wrong: %s', (wrong, change) => expect(newTaskOf({ ...form, ...change })).toEqual({ wrong }))

it('is active while something waits or runs', () => {
  const row = (status: string) => ({
    id: 1,
    queue_type: 'script',
    status,
    retry_count: 0,
    max_retry: 3,
    created_at: '',
    updated_at: '',
  })
  expect(isActive([row('completed'), row('waiting')])).toBe(true)
  expect(isActive([row('completed'), row('failed')])).toBe(false)
})

const row = {
  id: 1,
  queue_type: 'script',
  status: 'failed',
  retry_count: 0,
  max_retry: 3,
  created_at: '',
  updated_at: '',
}
const task = { id: 't', title: 't', type: 'shortform', created_at: '', updated_at: '' }

it('offers to try again what failed, whatever waits for its next time', () => {
  expect(canRetry(task, [row])).toBe(true)
  expect(canRetry(task, [row, { ...row, queue_type: 'schedule', status: 'waiting' }])).toBe(true)
  expect(canRetry(task, [row, { ...row, status: 'waiting' }])).toBe(false)
  expect(canRetry(task, [{ ...row, status: 'completed' }])).toBe(false)
})

it('knows a task that was stopped before it began', () => {
  const stopped = { ...task, last_error: 'stopped' }
  expect(canRetry(stopped, [])).toBe(true)
  expect(statusOf(stopped, null)).toBe('failed')
  expect(statusOf(task, null)).toBe('pending')
  expect(statusOf(stopped, { ...row, status: 'processing' })).toBe('processing')
})
