// @vitest-environment happy-dom
import { afterEach, expect, test, vi } from 'vitest'
import { followVersions } from '../src/shell/new-version'

afterEach(() => {
  vi.useRealTimers()
  sessionStorage.clear()
})

test('a part that an upgrade has taken away reloads the page, once a minute at most', () => {
  vi.useFakeTimers()
  const [target, reload] = [new EventTarget(), vi.fn()]
  followVersions(target, sessionStorage, reload)
  const fail = () => !target.dispatchEvent(new Event('vite:preloadError', { cancelable: true }))
  expect([fail(), fail(), reload.mock.calls.length]).toEqual([true, false, 1])
  vi.advanceTimersByTime(61_000)
  expect([fail(), reload.mock.calls.length]).toEqual([true, 2])
})
