/**
 * The scroll bar of something taller than browsers allow, and of rows whose heights are not known.
 *
 * What is shown is an anchor: a row and how many of its pixels are above the edge. The native scroll bar only steers:
 * small steps move the anchor by exactly as many pixels, large ones (a drag, a click into the bar) go to that share of
 * all rows. While nothing is scaled and no row wraps, both are the same.
 */
export const SCROLL_PIXELS_MAX = 12_000_000 // Chromium ends at 33.5 million, Firefox at 17.9 million

export interface Anchor {
  row: number
  /** Pixels of the row above the upper edge. */
  offset: number
}

export interface Extent {
  rowCount: number
  rowHeight: number
  viewport: number
}

export function contentHeight({ rowCount, rowHeight, viewport }: Extent): number {
  return Math.max(Math.min(rowCount * rowHeight, SCROLL_PIXELS_MAX), viewport)
}

export function isScaled({ rowCount, rowHeight }: Extent): boolean {
  return rowCount * rowHeight > SCROLL_PIXELS_MAX
}

function lastAnchorRow({ rowCount, rowHeight, viewport }: Extent): number {
  return Math.max(rowCount - viewport / rowHeight, 0)
}

/** What a position of the scroll bar stands for. */
export function anchorAt(top: number, extent: Extent): Anchor {
  const range = contentHeight(extent) - extent.viewport
  if (range <= 0) return { row: 0, offset: 0 }
  const exact = isScaled(extent)
    ? (Math.min(Math.max(top, 0), range) / range) * lastAnchorRow(extent)
    : Math.max(top, 0) / extent.rowHeight
  const row = Math.min(Math.floor(exact + 1e-6), Math.max(extent.rowCount - 1, 0))
  return { row, offset: Math.max((exact - row) * extent.rowHeight, 0) }
}

/** Where the scroll bar belongs for an anchor. */
export function topOf(anchor: Anchor, extent: Extent): number {
  const exact = anchor.row + Math.min(anchor.offset / extent.rowHeight, 1)
  if (!isScaled(extent)) return anchor.row * extent.rowHeight + Math.min(anchor.offset, extent.rowHeight)
  const range = contentHeight(extent) - extent.viewport
  const last = lastAnchorRow(extent)
  return last > 0 ? Math.min(exact / last, 1) * range : 0
}

/** The anchor some pixels further down (or up), over rows of the heights that are known. */
export function movedBy(anchor: Anchor, pixels: number, rowCount: number, height: (row: number) => number): Anchor {
  let { row, offset } = anchor
  offset += pixels
  while (offset < 0 && row > 0) offset += height(--row)
  while (row < rowCount - 1 && offset >= height(row)) offset -= height(row++)
  return { row, offset: Math.max(offset, 0) }
}
