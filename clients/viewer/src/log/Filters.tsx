import type { RefObject } from 'preact'
import { useState } from 'preact/hooks'
import { Icon } from '../parts/icons'
import type { Words } from '../words/words'
import { isEmptyFilter, LEVELS } from './filter'
import { chipsOf, valueTerm, without, withTyped } from './filter-chips'
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
  const [typed, setTyped] = useState('')
  const { filter } = log.view.value
  void log.model.countsVersion.value
  const { levels } = log.model
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
      {chipsOf(filter).map((chip) => {
        const text = `${t.chips[chip.kind]}: ${chip.value}`
        return (
          <span class="log-chip" key={text}>
            {chip.kind === 'expression' ? (
              <button
                type="button"
                class="log-chip-text"
                title={t.editFilter}
                onClick={() => {
                  setTyped(chip.value)
                  log.setFilter(without(filter, chip))
                  field.current?.focus()
                }}
              >
                {chip.value}
              </button>
            ) : (
              text
            )}
            <button
              type="button"
              aria-label={t.removeFilter(text)}
              onClick={() => log.setFilter(without(filter, chip))}
            >
              <Icon name="close" size={12} />
            </button>
          </span>
        )
      })}
      <form
        onSubmit={(event) => {
          event.preventDefault()
          const next = withTyped(filter, typed)
          if (!next) return
          setTyped('')
          log.setFilter(next)
        }}
      >
        <input
          ref={field}
          class="log-add"
          value={typed}
          list="log-suggestions"
          placeholder={t.addFilterHint}
          aria-label={t.addFilter}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
        <datalist id="log-suggestions">
          {suggestions.map((suggestion) => (
            <option key={suggestion} value={suggestion} />
          ))}
        </datalist>
      </form>
      {!isEmptyFilter(filter) && (
        <>
          <button type="button" class="log-clear" onClick={() => log.setFilter({})}>
            {t.clearFilters}
          </button>
          <span class="log-passing">{t.lines(log.model.counts.value.total)}</span>
        </>
      )}
    </fieldset>
  )
}
