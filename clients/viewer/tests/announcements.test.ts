import { beforeEach, expect, it, vi } from 'vitest'

beforeEach(() => {
  vi.useFakeTimers()
  vi.resetModules()
})

it('says the first at once, and of what comes within a second the latest', async () => {
  const { announce, spoken } = await import('../src/shell/announcements')
  for (const text of ['one', 'two', 'three']) announce(text)
  expect(spoken.value).toBe('one')
  vi.advanceTimersByTime(999)
  expect(spoken.value).toBe('one')
  vi.advanceTimersByTime(1)
  expect(spoken.value).toBe('three')
})

it('says the same text a second time', async () => {
  const { announce, spoken } = await import('../src/shell/announcements')
  announce('completed')
  vi.advanceTimersByTime(1500)
  announce('completed')
  expect(spoken.value).not.toBe('completed')
  expect(spoken.value.trim()).toBe('completed')
})
