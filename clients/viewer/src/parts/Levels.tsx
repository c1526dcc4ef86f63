import { LEVELS, type Task } from '../data/tasks'
import type { Words } from '../words/words'

/** Counts by level: a bar in proportion, and the counts of what deserves a look. */
export function Levels({ levels, t }: { levels: Task['levels']; t: Words }) {
  const known = LEVELS.map((level) => ({ level, n: levels[level] ?? 0 })).filter(({ n }) => n > 0)
  const total = known.reduce((sum, { n }) => sum + n, 0)
  const text = known.map(({ level, n }) => `${level} ${t.common.number(n)}`).join(', ')
  const serious = known.filter(({ level }) => level === 'WARN' || level === 'ERROR' || level === 'FATAL')
  return (
    <span class="levels" title={text}>
      <span class="levels-bar" aria-hidden="true">
        {known.map(({ level, n }) => (
          <i key={level} data-level={level} style={{ flexGrow: Math.max(n / total, 0.02) }} />
        ))}
      </span>
      <span class="counts" aria-hidden="true">
        {serious.map(({ level, n }) => (
          <b key={level} data-level={level}>
            {t.common.number(n)}
          </b>
        ))}
      </span>
      <span class="heard-only">{text}</span>
    </span>
  )
}
