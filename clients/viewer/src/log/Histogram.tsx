import { useMemo, useState } from 'preact/hooks'
import { clock } from '../data/times'
import { timeZone } from '../shell/preferences'
import type { Words } from '../words/words'
import { LEVELS } from './filter'
import { type Bar, timeBars, timeTicks } from './histogram'
import type { LogController } from './log-controller'

const BARS = 120
const HEIGHT = 28
const TICKS = 7
const CLICK_BARS = 1 // what is dragged less is a click

/** Lines by level over time: a click or the arrow keys go there, what is dragged over is a range of time. */
export function Histogram({ log, t }: { log: LogController; t: Words['log'] }) {
  const [pointed, setPointed] = useState<number | null>(null)
  const [dragged, setDragged] = useState<number | null>(null)
  const { buckets } = log.model.counts.value
  const bars = useMemo(() => timeBars(buckets, BARS), [buckets])
  if (bars.length < 2) return <div class="log-bars is-empty" />
  const { from, to } = log.edge.value
  const [first, last] = [seenBar(bars, from), seenBar(bars, to)]
  const go = (index: number) => {
    const bar = bars[Math.min(Math.max(index, 0), bars.length - 1)]
    if (bar) void log.go.to(bar.sequence, false)
  }
  const release = (event: PointerEvent) => {
    const at = barAt(event, bars.length)
    if (dragged !== null && Math.abs(at - dragged) > CLICK_BARS) log.setRange(bars, dragged, at)
    else if (dragged !== null) go(at)
    setDragged(null)
  }
  const at = pointed ?? last
  const marked = useMarkedBars(log, bars)
  const describe = (index: number) => (bars[index] ? textOf(bars[index], t, marked.get(index), log) : '')
  return (
    <div
      class="log-bars"
      role="slider"
      tabIndex={0}
      aria-label={t.histogram}
      aria-valuemin={0}
      aria-valuemax={bars.length - 1}
      aria-valuenow={at}
      aria-valuetext={describe(at)}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId)
        setDragged(barAt(event, bars.length))
      }}
      onPointerUp={release}
      onPointerCancel={() => setDragged(null)}
      onDblClick={() => log.clearRange()}
      onPointerMove={(event) => setPointed(barAt(event, bars.length))}
      onPointerLeave={() => setPointed(null)}
      onKeyDown={(event) => {
        const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -BARS, End: BARS }[event.key]
        if (by === undefined) return
        event.preventDefault()
        go(first + by)
      }}
    >
      <Drawing bars={bars} first={first} last={last} pointed={pointed} dragged={dragged} />
      {[...marked.keys()].map((index) => (
        <i
          key={index}
          class="log-bars-incident"
          style={{ left: `${(100 * (index + 0.5)) / bars.length}%` }}
          aria-hidden="true"
        />
      ))}
      <Axis bars={bars} />
      {pointed !== null && bars[pointed] && (
        <span
          class="log-bars-text"
          data-side={pointed > bars.length / 2 ? 'left' : 'right'}
          style={{ left: `${(100 * pointed) / bars.length}%` }}
        >
          {describe(pointed)}
        </span>
      )}
    </div>
  )
}

interface Marks {
  bars: readonly Bar[]
  first: number
  last: number
  pointed: number | null
  dragged: number | null
}

function Drawing({ bars, first, last, pointed, dragged }: Marks) {
  // The same elements as long as the bars are the same: scrolling moves only what is marked.
  const columns = useMemo(() => {
    const most = Math.max(...bars.map(({ total }) => total), 1)
    return bars.map((bar, index) => columnOf(bar, index, most))
  }, [bars])
  const errors = useMemo(
    () =>
      bars.map((bar, index) => {
        const level = bar.levels.FATAL ? 'FATAL' : bar.levels.ERROR ? 'ERROR' : null
        return level && <rect key={index} data-level={level} x={index} y={0} width={1} height={1} />
      }),
    [bars],
  )
  const [from, to] =
    dragged === null || pointed === null ? [0, -1] : [Math.min(dragged, pointed), Math.max(dragged, pointed)]
  return (
    <>
      <svg class="log-bars-errors" viewBox={`0 0 ${bars.length} 1`} preserveAspectRatio="none" aria-hidden="true">
        {errors}
      </svg>
      <svg viewBox={`0 0 ${bars.length} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {columns}
        {to > from && <rect class="log-bars-dragged" x={from} y={0} width={to - from + 1} height={HEIGHT} />}
        {pointed !== null && <rect class="log-bars-pointed" x={pointed} y={0} width={1} height={HEIGHT} />}
      </svg>
      <i
        class="log-bars-seen"
        style={{ left: `${(100 * first) / bars.length}%`, width: `${(100 * (last - first + 1)) / bars.length}%` }}
      />
    </>
  )
}

function columnOf(bar: Bar, index: number, most: number) {
  let top = HEIGHT
  // Errors at the foot, where they are seen.
  return [...LEVELS].reverse().map((level) => {
    const lines = bar.levels[level] ?? 0
    if (lines <= 0) return null
    const height = Math.max((lines / most) * HEIGHT, level === 'ERROR' || level === 'FATAL' ? 2 : 0.6)
    top -= height
    return <rect key={level} data-level={level} x={index + 0.12} y={top} width={0.76} height={height} />
  })
}

function Axis({ bars }: { bars: readonly Bar[] }) {
  const zone = timeZone.value
  const [start, end] = [bars[0]?.startMilliseconds ?? 0, bars[bars.length - 1]?.endMilliseconds ?? 0]
  return (
    <div class="log-bars-axis" aria-hidden="true">
      {timeTicks(start, end, TICKS, zone).map(({ at, text }) => (
        <span key={at} style={{ left: `${(100 * (at - start)) / (end - start)}%` }}>
          {text}
        </span>
      ))}
    </div>
  )
}

/** The bars with lines of incidents, and the rules of these. */
function useMarkedBars(log: LogController, bars: readonly Bar[]): ReadonlyMap<number, Set<string>> {
  const incidents = log.incidents.incidents.value
  return useMemo(() => {
    const marked = new Map<number, Set<string>>()
    for (const sequence of log.incidents.sequences) {
      const index = seenBar(bars, sequence)
      const rules = marked.get(index) ?? new Set()
      for (const { incident } of log.incidents.at(sequence)) rules.add(incident.rule)
      marked.set(index, rules)
    }
    return marked
  }, [incidents, bars])
}

function textOf(bar: Bar, t: Words['log'], rules: ReadonlySet<string> | undefined, log: LogController): string {
  const severe = (['FATAL', 'ERROR', 'WARN'] as const).filter((level) => (bar.levels[level] ?? 0) >= 0.5)
  const what = [
    t.lines(Math.round(bar.total)),
    ...severe.map((level) => t.level(level, Math.round(bar.levels[level] ?? 0))),
    ...(rules ? [log.shell.t.alerts.lineMark([...rules].join(', '))] : []),
  ]
  return t.histogramAt(clock(bar.startMilliseconds, Date.now(), timeZone.value), what.join(', '))
}

function seenBar(bars: readonly Bar[], sequence: number): number {
  const at = bars.findIndex((bar) => bar.sequence > sequence)
  return at < 0 ? bars.length - 1 : Math.max(at - 1, 0)
}

function barAt(event: MouseEvent, count: number): number {
  const box = (event.currentTarget as Element).getBoundingClientRect()
  return Math.min(Math.max(Math.floor(((event.clientX - box.left) / box.width) * count), 0), count - 1)
}
