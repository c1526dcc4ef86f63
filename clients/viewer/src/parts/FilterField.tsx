import type { LogFilter } from 'otto-logs'
import type { RefObject } from 'preact'
import { useId, useRef, useState } from 'preact/hooks'
import { chipsOf, without, withTyped } from '../log/filter-chips'
import type { Words } from '../words/words'
import { Icon } from './icons'
import './filter-field.css'

/** A filter as chips, and the field for another expression (docs/filters.md); a press on one takes it back into the field. */
export function FilterField({
  filter,
  change,
  suggestions = [],
  field,
  t,
}: {
  filter: LogFilter
  change(filter: LogFilter): void
  suggestions?: readonly string[]
  field?: RefObject<HTMLInputElement | null>
  t: Words['log']
}) {
  const [typed, setTyped] = useState('')
  const own = useRef<HTMLInputElement>(null)
  const input = field ?? own
  const list = useId()
  return (
    <>
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
                  change(without(filter, chip))
                  input.current?.focus()
                }}
              >
                {chip.value}
              </button>
            ) : (
              text
            )}
            <button type="button" aria-label={t.removeFilter(text)} onClick={() => change(without(filter, chip))}>
              <Icon name="close" size={12} />
            </button>
          </span>
        )
      })}
      <form
        class="log-add-form"
        onSubmit={(event) => {
          event.preventDefault()
          const next = withTyped(filter, typed)
          if (!next) return
          setTyped('')
          change(next)
        }}
      >
        <input
          ref={input}
          class="log-add"
          value={typed}
          list={list}
          placeholder={t.addFilterHint}
          aria-label={t.addFilter}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
        <datalist id={list}>
          {suggestions.map((suggestion) => (
            <option key={suggestion} value={suggestion} />
          ))}
        </datalist>
      </form>
    </>
  )
}
