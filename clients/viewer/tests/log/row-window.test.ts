// @vitest-environment happy-dom
import { signal } from '@preact/signals'
import { expect, test } from 'vitest'
import { RowWindow } from '../../src/log/row-window'

/** A box of 20 px rows, as the browser lays one out. */
function box(height: number, content: number) {
  const scroller = document.createElement('div')
  const sizes = { clientHeight: height, scrollHeight: content }
  for (const name of ['clientHeight', 'scrollHeight'] as const)
    Object.defineProperty(scroller, name, { get: () => sizes[name] })
  return { scroller, sizes, spacer: document.createElement('div'), window: document.createElement('div') }
}

const rows = (rowCount: number) => ({ rowCount, key: String, draw() {}, want() {} })

function following(height: number) {
  const elements = box(height, 2000)
  const isFollowing = signal(true)
  const window = new RowWindow(elements, rows(100), isFollowing)
  elements.scroller.scrollTop = 2000 - height
  elements.scroller.dispatchEvent(new Event('scroll'))
  return { elements, window, isFollowing }
}

test('scrolling up ends following', () => {
  const { elements, isFollowing } = following(400)
  elements.scroller.scrollTop = 1500
  elements.scroller.dispatchEvent(new Event('scroll'))
  expect(isFollowing.value).toBe(false)
})

test('a window that grows stays at the end: the browser moves it, nobody scrolled', () => {
  const { elements, isFollowing } = following(400)
  elements.sizes.clientHeight = 460
  elements.scroller.scrollTop = 1540
  elements.scroller.dispatchEvent(new Event('scroll'))
  expect(isFollowing.value).toBe(true)
})

test('a window that grew and shrank again before the event came stays at the end', () => {
  const { elements, window, isFollowing } = following(400)
  elements.sizes.clientHeight = 460
  window.resized()
  elements.scroller.scrollTop = 1540
  elements.sizes.clientHeight = 400
  elements.scroller.dispatchEvent(new Event('scroll'))
  expect(isFollowing.value).toBe(true)
})

test('a row is shown where it is wanted, though a scroll before it is not told yet', () => {
  const { elements, window } = following(400)
  elements.scroller.scrollTop = 100
  window.show(0, 0)
  expect(window.anchor).toEqual({ row: 0, offset: 0 })
  expect(elements.scroller.scrollTop).toBe(0)
})
