import { useMemo } from 'preact/hooks'
import { LANE_PARTS, partsWithHits } from './hits'
import type { LogController } from './log-controller'

/** The places of the search beside the scroll bar, in the proportion of the whole log. */
export function HitsLane({ log }: { log: LogController }) {
  const { model } = log
  const { rowCount } = model
  const sequences = model.search.value?.sequences
  const parts = useMemo(
    () => (sequences ? partsWithHits(sequences, rowCount, (row) => model.sequenceAt(row)) : []),
    [sequences, rowCount],
  )
  if (!parts.length) return null
  return (
    <svg class="log-lane" viewBox={`0 0 1 ${LANE_PARTS}`} preserveAspectRatio="none" aria-hidden="true">
      {parts.map((part) => (
        <rect key={part} x={0} y={part} width={1} height={1} />
      ))}
    </svg>
  )
}
