import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { duration } from '../data/times'
import { theme } from '../shell/preferences'

export interface Point {
  /** Milliseconds since 1970. */
  at: number
  /** Milliseconds. */
  took: number
  isBad: boolean
}

/** Points by their start and how long they took, in two colours; the sentence says the same to who does not see it. */
export function Plot({
  points,
  title,
  text,
  names,
}: {
  points: readonly Point[]
  title: string
  text: string
  names: [string, string]
}) {
  const box = useRef<HTMLDivElement>(null)
  const chosen = theme.value
  useEffect(() => {
    const place = box.current
    if (!place) return
    let plot: uPlot | undefined
    const draw = () => {
      plot?.destroy()
      plot = new uPlot(options(place, names), data(points), place)
    }
    draw()
    const size = new ResizeObserver(() => plot?.setSize({ width: place.clientWidth, height: HEIGHT }))
    size.observe(place)
    const system = matchMedia('(prefers-color-scheme: dark)')
    system.addEventListener('change', draw)
    return () => {
      size.disconnect()
      system.removeEventListener('change', draw)
      plot?.destroy()
    }
  }, [points, chosen, names[0]])
  return (
    <figure class="plot">
      <figcaption>
        {title}
        <span class="key">
          <i data-tone="busy" />
          {names[0]}
          <i data-tone="bad" />
          {names[1]}
        </span>
      </figcaption>
      <div ref={box} role="img" aria-label={`${title}. ${text}`} />
    </figure>
  )
}

const HEIGHT = 170

// The time of day, or the day where a step is one or begins one.
function moment(time: number, stepSeconds: number): string {
  const date = new Date(time)
  const two = (n: number) => String(n).padStart(2, '0')
  const isMidnight = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0
  if (stepSeconds >= 86_400 || isMidnight) return `${two(date.getMonth() + 1)}-${two(date.getDate())}`
  const at = `${two(date.getHours())}:${two(date.getMinutes())}`
  if (stepSeconds >= 60) return at
  const seconds = `${at}:${two(date.getSeconds())}`
  return stepSeconds >= 1 ? seconds : `${seconds}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

function data(points: readonly Point[]): uPlot.AlignedData {
  const sorted = [...points].sort((a, b) => a.at - b.at)
  return [
    sorted.map((point) => point.at / 1000),
    sorted.map((point) => (point.isBad ? null : point.took)),
    sorted.map((point) => (point.isBad ? point.took : null)),
  ]
}

function options(place: HTMLElement, names: [string, string]): uPlot.Options {
  const style = getComputedStyle(place)
  // Canvas knows no variables and no light-dark(): what they come to is read from an element that has them.
  const colour = (name: string) => {
    const probe = document.createElement('i')
    probe.style.color = `var(${name})`
    place.append(probe)
    const value = getComputedStyle(probe).color
    probe.remove()
    return value
  }
  const axis: uPlot.Axis = {
    stroke: colour('--text-faint'),
    font: `11px ${style.fontFamily}`,
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  }
  const dots = (label: string, name: string): uPlot.Series => ({
    label,
    paths: () => null,
    points: { show: true, size: 6, width: 0, fill: colour(name), stroke: colour(name) },
  })
  return {
    width: place.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 8, 0, 0],
    scales: { y: { range: (_self, _low, high) => [0, Math.max(1, (high ?? 1) * 1.1)] } },
    axes: [
      {
        ...axis,
        size: 28,
        space: 70,
        values: (_self, splits, _axis, _space, step) => splits.map((split) => moment(split * 1000, step)),
      },
      { ...axis, size: 64, values: (_self, splits) => splits.map((split) => duration(split)) },
    ],
    series: [{}, dots(names[0], '--accent'), dots(names[1], '--bad')],
  }
}
