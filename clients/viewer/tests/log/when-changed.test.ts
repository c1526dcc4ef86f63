import { signal } from '@preact/signals'
import { expect, test, vi } from 'vitest'
import { whenChanged } from '../../src/log/when-changed'

test('runs at once and for each change of what is named, not of what it reads', () => {
  const [named, other] = [signal(1), signal(1)]
  const run = vi.fn(() => void other.value)
  const stop = whenChanged([named], run)
  other.value = 2
  expect(run).toHaveBeenCalledTimes(1)
  named.value = 2
  named.value = 2
  expect(run).toHaveBeenCalledTimes(2)
  stop()
  named.value = 3
  expect(run).toHaveBeenCalledTimes(2)
})
