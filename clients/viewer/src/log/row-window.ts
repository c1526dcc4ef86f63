/**
 * The rows that are on screen, and no others: elements are kept and filled anew while the log scrolls below them.
 * The window is sticky inside a spacer as tall as the scroll bar needs, so it never shows a blank stretch.
 */
import type { Signal } from '@preact/signals'
import { type Anchor, anchorAt, contentHeight, type Extent, movedBy, topOf } from './scroll-scale'
import { whenChanged } from './when-changed'

export interface RowSource {
  readonly rowCount: number
  /** What makes the row look as it does; the same key means nothing is to be drawn. */
  key(row: number): string
  draw(element: HTMLElement, row: number): void
  want(first: number, last: number): void
}

export interface WindowElements {
  scroller: HTMLElement
  spacer: HTMLElement
  window: HTMLElement
}

const OVERSCAN = 6
const STEP_VIEWPORTS = 3 // a larger step of the scroll bar is a jump
const SETTLE_MILLISECONDS = 140
const KEPT_MAX = 400

export class RowWindow {
  #anchor: Anchor = { row: 0, offset: 0 }
  #isWrapped = false
  #rowHeight = 20
  #top = 0
  #lowestEnd = Number.POSITIVE_INFINITY
  #frame = 0
  #settling: ReturnType<typeof setTimeout> | undefined
  #heights = new Map<number, number>()
  #shown = new Map<number, HTMLElement>()
  #resizing: ResizeObserver
  #viewport = 0
  #unlisten: () => void

  /** `isFollowing`: whether the window stays at the end; the reader who scrolls changes it, as others may. */
  constructor(
    private readonly elements: WindowElements,
    private readonly source: RowSource,
    private readonly isFollowing: Signal<boolean>,
  ) {
    elements.scroller.addEventListener('scroll', this.#scrolled, { passive: true })
    this.#resizing = new ResizeObserver(() => this.resized())
    this.#resizing.observe(elements.scroller)
    document.fonts?.addEventListener('loadingdone', this.#measureAgain)
    this.resized()
    this.#unlisten = whenChanged([isFollowing], () => this.invalidate())
  }

  close(): void {
    this.#unlisten()
    this.elements.scroller.removeEventListener('scroll', this.#scrolled)
    this.#resizing.disconnect()
    document.fonts?.removeEventListener('loadingdone', this.#measureAgain)
    cancelAnimationFrame(this.#frame)
    clearTimeout(this.#settling)
  }

  /** In another font, wrapped rows have other heights. */
  #measureAgain = () => this.resized()

  get anchor(): Anchor {
    return this.#anchor
  }

  get elementCount() {
    return this.#shown.size
  }

  /** Rows that fit on the screen. */
  get pageRows() {
    return Math.max(Math.floor(this.#viewport / this.#rowHeight), 1)
  }

  elementOf(row: number): HTMLElement | undefined {
    return this.#shown.get(row)
  }

  resized(): void {
    this.#viewport = this.elements.scroller.clientHeight
    this.#noteEnd()
    const measured = Number.parseFloat(getComputedStyle(this.elements.scroller).getPropertyValue('--row-height'))
    if (measured > 0) this.#rowHeight = measured
    this.#heights.clear()
    this.invalidate()
  }

  setWrapped(isWrapped: boolean): void {
    this.#isWrapped = isWrapped
    this.#heights.clear()
    this.invalidate()
  }

  /** Rows are others now: what was measured does not hold. */
  forget(): void {
    this.#heights.clear()
    for (const element of this.#shown.values()) element.dataset.key = ''
    this.invalidate()
  }

  /** Show a row, a third from the top. */
  show(row: number, share = 1 / 3): void {
    this.#scrolled() // what is not told yet came before this
    this.isFollowing.value = false
    this.#anchor = movedBy(
      { row: this.#inside(row), offset: 0 },
      -this.#viewport * share,
      this.source.rowCount,
      this.#height,
    )
    this.#settle()
    this.invalidate()
  }

  /** How far below the upper edge a row is; null where it is not on screen. */
  pixelsOf(row: number): number | null {
    const element = this.#shown.get(row)
    if (!element) return null
    const window = this.elements.window.getBoundingClientRect()
    const top = element.getBoundingClientRect().top - window.top
    return top > -this.#rowHeight && top < window.height ? top : null
  }

  /** Show a row that many pixels below the upper edge. */
  showAt(row: number, pixels: number): void {
    this.#scrolled()
    this.isFollowing.value = false
    this.#heights.clear()
    this.#anchor = movedBy({ row: this.#inside(row), offset: 0 }, -pixels, this.source.rowCount, this.#height)
    this.#settle()
    this.invalidate()
  }

  /** Keep a row where another one was: after the rows were counted anew. */
  place(row: number): void {
    this.#anchor = { row: this.#inside(row), offset: this.#anchor.offset }
    this.#settle()
    this.invalidate()
  }

  /** Move by as little as makes a row visible. */
  reveal(row: number): void {
    const element = this.#shown.get(row)
    const top = element ? element.getBoundingClientRect().top - this.elements.window.getBoundingClientRect().top : null
    if (top === null) {
      this.show(row, row < this.#anchor.row ? 0 : 1 - this.#rowHeight / Math.max(this.#viewport, 1))
      return
    }
    const bottom = top + (element as HTMLElement).offsetHeight
    const by = top < 0 ? top : Math.max(bottom - this.elements.window.clientHeight, 0)
    if (!by) return
    if (by < 0) this.isFollowing.value = false
    this.#anchor = movedBy(this.#anchor, by, this.source.rowCount, this.#height)
    this.#settle()
    this.invalidate()
  }

  invalidate(): void {
    if (this.#frame) return
    this.#frame = document.hidden
      ? (setTimeout(() => this.#render(), 200) as unknown as number)
      : requestAnimationFrame(() => this.#render())
  }

  #inside(row: number): number {
    return Math.min(Math.max(row, 0), Math.max(this.source.rowCount - 1, 0))
  }

  #height = (row: number): number => (this.#isWrapped ? (this.#heights.get(row) ?? this.#rowHeight) : this.#rowHeight)

  get #extent(): Extent {
    return { rowCount: this.source.rowCount, rowHeight: this.#rowHeight, viewport: this.#viewport }
  }

  #scrolled = () => {
    const { scrollTop: top, scrollHeight, clientHeight } = this.elements.scroller
    // Where the window has grown, the browser moves what is scrolled to the end, and says so before it tells the size.
    if (clientHeight !== this.#viewport) this.resized()
    const by = top - this.#top
    if (Math.abs(by) < 1) return
    this.#top = top
    const end = Math.min(scrollHeight - clientHeight, this.#lowestEnd)
    if (this.isFollowing.value && top >= end - 1) return
    if (Math.abs(by) > this.#viewport * STEP_VIEWPORTS) this.#anchor = anchorAt(top, this.#extent)
    else this.#anchor = movedBy(this.#anchor, by, this.source.rowCount, this.#height)
    if (top <= 0 && !this.#isNear(0)) this.#settle()
    if (by < 0) this.isFollowing.value = false
    clearTimeout(this.#settling)
    this.#settling = setTimeout(() => this.#settle(), SETTLE_MILLISECONDS)
    this.invalidate()
  }

  /** A window that grows moves what is scrolled to its end; it may have shrunk again when the event of that comes. */
  #noteEnd(): void {
    const { scrollHeight, clientHeight } = this.elements.scroller
    this.#lowestEnd = Math.min(this.#lowestEnd, scrollHeight - clientHeight)
  }

  #isNear(row: number): boolean {
    return Math.abs(this.#anchor.row - row) < this.pageRows
  }

  /** Put the scroll bar where the anchor is; where it was moved and that is not told yet, that comes first. */
  #settle(): void {
    const { scroller } = this.elements
    this.#scrolled()
    const extent = this.#extent
    const top = this.isFollowing.value ? contentHeight(extent) - extent.viewport : topOf(this.#anchor, extent)
    this.#resize(extent)
    if (Math.abs(scroller.scrollTop - top) >= 1) scroller.scrollTop = top
    this.#top = scroller.scrollTop
    this.#lowestEnd = scroller.scrollHeight - scroller.clientHeight
  }

  #resize(extent: Extent): void {
    const height = `${contentHeight(extent)}px`
    if (this.elements.spacer.style.height !== height) this.elements.spacer.style.height = height
  }

  #render(): void {
    this.#frame = 0
    const { source, elements } = this
    const { rowCount } = source
    this.#scrolled()
    this.#resize(this.#extent)
    if (elements.window.scrollTop) elements.window.scrollTop = 0
    const isFollowing = this.isFollowing.value
    if (isFollowing)
      this.#anchor = movedBy(
        { row: Math.max(rowCount - 1, 0), offset: this.#height(rowCount - 1) },
        -this.#viewport,
        rowCount,
        this.#height,
      )
    this.#anchor.row = this.#inside(this.#anchor.row)
    let isAtEnd = false
    // Wrapped rows have their heights only once they are drawn: twice is enough to come to rest.
    for (let round = 0; round < (this.#isWrapped ? 3 : 2); round++) {
      const { first, last, bottom } = this.#draw()
      isAtEnd = last >= rowCount - 1 && bottom <= elements.window.clientHeight + 1
      const isShort =
        isAtEnd && bottom < elements.window.clientHeight && (this.#anchor.row > 0 || this.#anchor.offset > 0)
      const isLong = isFollowing && last >= rowCount - 1 && bottom > elements.window.clientHeight + 1
      if (!isShort && !isLong) {
        source.want(first, last)
        break
      }
      const moved = movedBy(this.#anchor, bottom - elements.window.clientHeight, rowCount, this.#height)
      if (moved.row === this.#anchor.row && Math.abs(moved.offset - this.#anchor.offset) < 1) {
        source.want(first, last)
        break
      }
      this.#anchor = moved
      if (round > 0 || !this.#isWrapped) source.want(first, last)
    }
    if (isFollowing) this.#settle()
    else if (isAtEnd && rowCount > 0) {
      this.#settle()
      if (
        !this.isFollowing.value &&
        this.#top >= elements.scroller.scrollHeight - this.#viewport - 2 &&
        this.#wasScrolledDown
      )
        this.isFollowing.value = true
    }
    this.#wasScrolledDown = true
    if (this.#heights.size > KEPT_MAX)
      for (const row of this.#heights.keys()) if (!this.#shown.has(row)) this.#heights.delete(row)
  }

  #wasScrolledDown = false

  /** Fill elements for all rows around the anchor; where the last one ends, in pixels below the upper edge. */
  #draw(): { first: number; last: number; bottom: number } {
    const { source, elements } = this
    const { rowCount } = source
    const first = Math.max(this.#anchor.row - OVERSCAN, 0)
    let height = 0
    let last = this.#anchor.row
    const room = elements.window.clientHeight + this.#anchor.offset
    for (; last < rowCount - 1; last++) {
      height += this.#height(last)
      if (height >= room + OVERSCAN * this.#rowHeight) break
    }
    if (rowCount === 0) last = first - 1
    const free: HTMLElement[] = []
    for (const [row, element] of this.#shown) {
      if (row >= first && row <= last) continue
      free.push(element)
      this.#shown.delete(row)
    }
    let before: ChildNode | null = elements.window.firstChild
    for (let row = first; row <= last; row++) {
      let element = this.#shown.get(row)
      if (!element) {
        element = free.pop() ?? document.createElement('div')
        this.#shown.set(row, element)
      }
      const key = source.key(row)
      if (element.dataset.key !== key || element.dataset.row !== String(row)) {
        element.dataset.key = key
        element.dataset.row = String(row)
        source.draw(element, row)
        this.#heights.delete(row)
      }
      if (element === before) before = before.nextSibling
      else elements.window.insertBefore(element, before)
    }
    for (const element of free) element.remove()
    if (this.#isWrapped) for (const [row, element] of this.#shown) this.#heights.set(row, element.offsetHeight)
    let above = -this.#anchor.offset
    for (let row = first; row < this.#anchor.row; row++) above -= this.#height(row)
    elements.window.style.setProperty('--shift', `${above}px`)
    let bottom = -this.#anchor.offset
    for (let row = this.#anchor.row; row <= last; row++) bottom += this.#height(row)
    return { first, last, bottom }
  }
}
