import type { RefObject } from 'preact'
import { FilterField } from '../parts/FilterField'
import type { Words } from '../words/words'
import { isEmptyFilter, LEVELS } from './filter'
import { valueTerm } from './filter-chips'
import type { LogController } from './log-controller'

export function Filters({
  log,
  t,
  field,
}: {
  log: LogController
  t: Words['log']
  field: RefObject<HTMLInputElement | null>
}) {
  const { filter } = log.view.value
  const { allLevels: levels, total } = log.model.counts.value
  const chosen = new Set(filter.levels ?? [])
  const suggestions = [
    ...log.model.workers.value.map((worker) => valueTerm('worker', worker)),
    ...log.model.sources.value.map((source) => valueTerm('source', source)),
  ].slice(0, 60)
  return (
    <fieldset class="log-filters" aria-label={t.filters}>
      <div class="log-levels">
        {LEVELS.filter(
          (level) => levels[level] || chosen.has(level) || level === 'INFO' || level === 'WARN' || level === 'ERROR',
        ).map((level) => (
          <button
            type="button"
            key={level}
            class="log-chip is-level"
            data-level={level}
            aria-pressed={chosen.has(level)}
            aria-label={t.level(level, levels[level] ?? 0)}
            onClick={() => log.toggleLevel(level)}
          >
            {level} <b>{t.number(levels[level] ?? 0)}</b>
          </button>
        ))}
      </div>
      <FilterField
        filter={filter}
        change={(next) => log.setFilter(next)}
        suggestions={suggestions}
        field={field}
        t={t}
      />
      {!isEmptyFilter(filter) && (
        <>
          <button type="button" class="log-clear" onClick={() => log.setFilter({})}>
            {t.clearFilters}
          </button>
          <span class="log-passing">{t.lines(total)}</span>
        </>
      )}
    </fieldset>
  )
}
