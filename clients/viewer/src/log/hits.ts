/** Where along the scroll bar the places of a search are. */
import { lastAtOrBelow } from './plan'

export const LANE_PARTS = 160

/** The parts of the lane, from 0, in which there is a place; `sequenceAt` tells the sequence of a row. */
export function partsWithHits(
  sequences: readonly number[],
  rowCount: number,
  sequenceAt: (row: number) => number,
  parts = LANE_PARTS,
): number[] {
  const found: number[] = []
  const edge = (part: number) =>
    part >= parts ? Number.POSITIVE_INFINITY : sequenceAt(Math.floor((rowCount * part) / parts))
  let before = lastAtOrBelow(sequences, edge(0) - 1)
  for (let part = 0; part < parts && before < sequences.length - 1; part++) {
    const upTo = lastAtOrBelow(sequences, edge(part + 1) - 1)
    if (upTo > before) found.push(part)
    before = upTo
  }
  return found
}
