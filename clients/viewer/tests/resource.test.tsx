// @vitest-environment happy-dom
import { render } from 'preact'
import { act } from 'preact/test-utils'
import { afterEach, expect, test, vi } from 'vitest'
import { useResource } from '../src/data/resource'

afterEach(() => {
  render(null, document.body)
  vi.restoreAllMocks()
})

test('a page that was opened in a background tab loads as soon as it is looked at', async () => {
  const hidden = vi.spyOn(document, 'hidden', 'get').mockReturnValue(true)
  const load = vi.fn(async () => 'loaded')
  const Page = () => <p>{useResource('key', load).value ?? 'nothing'}</p>
  await act(() => render(<Page />, document.body))
  document.dispatchEvent(new Event('visibilitychange'))
  expect(load).not.toHaveBeenCalled()
  hidden.mockReturnValue(false)
  await act(async () => void document.dispatchEvent(new Event('visibilitychange')))
  expect([load.mock.calls.length, document.body.textContent]).toEqual([1, 'loaded'])
})
