import { useMemo, useRef, useState } from 'preact/hooks'
import type { Words } from '../words/words'
import { LEVELS } from './filter'
import { type Bar, timeBars } from './histogram'
import type { LogController } from './log-controller'
import { absoluteText } from './times'

const BARS = 120
const HEIGHT = 40
const REFRESH_MILLISECONDS = 500

/** Lines by level over time; a click or the arrow keys go there. */
export function Bars({ log, t }: { log: LogController; t: Words['log'] }) {
  const [pointed, setPointed] = useState<number | null>(null)
  const drawn = useRef({ at: 0, bars: [] as Bar[], counts: log.model.counts.value })
  const version = log.model.countsVersion.value
  const counts = log.model.counts.value
  const bars = useMemo(() => {
    const now = Date.now()
    if (
      now - drawn.current.at < REFRESH_MILLISECONDS &&
      drawn.current.bars.length > 1 &&
      drawn.current.counts === counts
    )
      return drawn.current.bars
    drawn.current = { at: now, bars: timeBars(counts.buckets, BARS), counts }
    return drawn.current.bars
  }, [version, counts])
  const { from, to } = log.edge.value
  // The same elements as long as the bars are the same: scrolling moves only what is marked.
  const drawnBars = useMemo(() => {
    const most = Math.max(...bars.map(({ total }) => total), 1)
    const scale = (lines: number) => (lines / most) * HEIGHT
    return bars.map((bar, index) => {
      let top = HEIGHT
      // Errors at the foot, where they are seen.
      return [...LEVELS].reverse().map((level) => {
        const lines = bar.levels[level] ?? 0
        if (lines <= 0) return null
        const height = Math.max(scale(lines), level === 'ERROR' || level === 'FATAL' ? 2 : 0.6)
        top -= height
        return (
          <rect
            key={`${index}${level}`}
            class={`bar-${level.toLowerCase()}`}
            x={index + 0.12}
            y={top}
            width={0.76}
            height={height}
          />
        )
      })
    })
  }, [bars])
  if (bars.length < 2) return <div class="log-bars is-empty" />
  const seen = (sequence: number) => {
    const at = bars.findIndex((bar) => bar.sequence > sequence)
    return at < 0 ? bars.length - 1 : Math.max(at - 1, 0)
  }
  const [first, last] = [seen(from), seen(to)]
  const at = pointed ?? last
  const textOf = (bar: Bar) => {
    const levels = [...LEVELS]
      .reverse()
      .filter((level) => (bar.levels[level] ?? 0) >= 0.5 && level !== 'INFO' && level !== 'DEBUG' && level !== 'TRACE')
    const what = [
      t.lines(Math.round(bar.total)),
      ...levels.map((level) => t.level(level, Math.round(bar.levels[level] ?? 0))),
    ]
    return t.histogramAt(
      absoluteText(new Date(bar.startMilliseconds), new Date()).replace(/\.\d+$/, ''),
      what.join(', '),
    )
  }
  const go = (index: number) => {
    const bar = bars[Math.min(Math.max(index, 0), bars.length - 1)]
    if (bar) void log.goTo(bar.sequence, false)
  }
  const barAt = (event: MouseEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect()
    return Math.min(Math.max(Math.floor(((event.clientX - box.left) / box.width) * bars.length), 0), bars.length - 1)
  }
  return (
    <div
      class="log-bars"
      role="slider"
      tabIndex={0}
      aria-label={t.histogram}
      aria-valuemin={0}
      aria-valuemax={bars.length - 1}
      aria-valuenow={at}
      aria-valuetext={bars[at] ? textOf(bars[at]) : ''}
      onClick={(event) => go(barAt(event))}
      onPointerMove={(event) => setPointed(barAt(event))}
      onPointerLeave={() => setPointed(null)}
      onKeyDown={(event) => {
        const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -BARS, End: BARS }[event.key]
        if (by === undefined) return
        event.preventDefault()
        go(first + by)
      }}
    >
      <svg viewBox={`0 0 ${bars.length} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <rect class="log-bars-seen" x={first} y={0} width={Math.max(last - first + 1, 1)} height={HEIGHT} />
        {drawnBars}
        {pointed !== null && <rect class="log-bars-pointed" x={pointed} y={0} width={1} height={HEIGHT} />}
      </svg>
      {pointed !== null && bars[pointed] && <span class="log-bars-text">{textOf(bars[pointed])}</span>}
    </div>
  )
}
