// @vitest-environment happy-dom
import { afterEach, expect, it, vi } from 'vitest'
import { Clipboard } from '../../src/log/clipboard'

const announce = vi.fn()
const shell = { announce, t: { log: { copied: (n: number) => `${n}`, copiedLink: 'link', notCopied: 'no' } } } as never
const line = (message: string) => ({ message }) as never
const writeText = vi.fn()
Object.defineProperty(navigator, 'clipboard', { value: { writeText }, configurable: true })

afterEach(() => vi.useRealTimers())

it('copies lines as they are read, without colours, and says how many for a moment', async () => {
  vi.useFakeTimers()
  const clipboard = new Clipboard()
  await clipboard.copyLines(Promise.resolve([line('\x1b[31mred\x1b[0m'), line('b')]), shell)
  expect(writeText).toHaveBeenLastCalledWith('red\nb')
  expect([clipboard.said.value, announce.mock.lastCall]).toEqual(['2', ['2']])
  vi.advanceTimersByTime(2000)
  expect(clipboard.said.value).toBe('')
})

it('says that nothing was copied where lines or the browser fail', async () => {
  const clipboard = new Clipboard()
  await clipboard.copyLines(Promise.reject(new Error('away')), shell)
  expect(clipboard.said.value).toBe('no')
  clipboard.say('')
  writeText.mockRejectedValueOnce(new Error('denied'))
  await clipboard.copyLink('http://gateway/logs/a', shell)
  expect(clipboard.said.value).toBe('no')
})
