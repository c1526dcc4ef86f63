// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { isTyping, listen, nameOf, register } from '../src/shell/keys'

const press = (key: string, options: KeyboardEventInit = {}, target: EventTarget = document) => {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...options })
  target.dispatchEvent(event)
  return event
}
const ends: (() => void)[] = []
const keys = (of: Parameters<typeof register>[0]) => ends.push(register(of))

beforeEach(() => ends.push(listen(document)))
afterEach(() => {
  for (const end of ends.splice(0)) end()
  document.body.replaceChildren()
  vi.useRealTimers()
})

describe('keys', () => {
  it('have a name that says Shift only where the character does not', () => {
    const named = (key: string, options = {}) => nameOf(new KeyboardEvent('keydown', { key, ...options }))
    expect(named('j')).toBe('j')
    expect(named('J', { shiftKey: true })).toBe('Shift+J')
    expect(named('?', { shiftKey: true })).toBe('?')
    expect(named('f', { ctrlKey: true })).toBe('Control+f')
    expect(named('Tab', { shiftKey: true })).toBe('Shift+Tab')
    expect(named(' ')).toBe('Space')
  })

  it('run what was registered last, and go back when that is gone', () => {
    const [first, second] = [vi.fn(), vi.fn()]
    keys({ j: { label: '', run: first } })
    const end = register({ j: { label: '', run: second } })
    expect(press('j').defaultPrevented).toBe(true)
    end()
    press('j')
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([1, 1])
  })

  it('come in pairs, for a while', () => {
    vi.useFakeTimers()
    const run = vi.fn()
    keys({ 'g t': { label: '', run } })
    press('g')
    press('t')
    expect(run).toHaveBeenCalledTimes(1)
    press('g')
    vi.advanceTimersByTime(2000)
    press('t')
    expect(run).toHaveBeenCalledTimes(1)
  })

  it('are letters in a field, but for those that say so', () => {
    const field = document.body.appendChild(document.createElement('input'))
    const [letter, leave] = [vi.fn(), vi.fn()]
    keys({ j: { label: '', run: letter }, Escape: { label: '', run: leave, inFields: true } })
    press('j', {}, field)
    press('Escape', {}, field)
    expect([letter.mock.calls.length, leave.mock.calls.length]).toEqual([0, 1])
    field.type = 'checkbox'
    expect(isTyping(field)).toBe(false)
  })

  it('are left to the browser where a handler returns false', () => {
    keys({ Enter: { label: '', run: () => false } })
    expect(press('Enter').defaultPrevented).toBe(false)
  })

  it('do nothing behind an open window', () => {
    const run = vi.fn()
    keys({ j: { label: '', run } })
    const dialog = document.body.appendChild(document.createElement('dialog'))
    dialog.setAttribute('open', '')
    press('j')
    expect(run).not.toHaveBeenCalled()
  })

  it('of one character can be switched off, those with a modifier or a name cannot', () => {
    for (const end of ends.splice(0)) end()
    ends.push(listen(document, () => false))
    const run = vi.fn()
    const key = { label: '', run }
    keys({ j: key, 'Shift+G': key, '?': key, 'g t': key })
    for (const [name, options] of [['j'], ['G', { shiftKey: true }], ['?'], ['g'], ['t']] as const) press(name, options)
    expect(run).not.toHaveBeenCalled()
    keys({ Escape: key, 'Control+f': key })
    press('Escape')
    press('f', { ctrlKey: true })
    expect(run).toHaveBeenCalledTimes(2)
  })
})
