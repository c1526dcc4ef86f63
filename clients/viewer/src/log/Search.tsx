import type { RefObject } from 'preact'
import { Icon } from '../parts/icons'
import type { Words } from '../words/words'
import type { LogController } from './log-controller'

export function Search({
  log,
  t,
  field,
}: {
  log: LogController
  t: Words['log']
  field: RefObject<HTMLInputElement | null>
}) {
  const search = log.model.search.value
  const text = log.view.value.search
  const found = !text
    ? ''
    : search?.isKnown && search.text === text
      ? t.found(search.ordinal, search.total, search.isComplete)
      : search?.failure && search.text === text
        ? t.searchFailed
        : t.searching
  const isNone = Boolean(text) && search?.isKnown === true && search.text === text && search.total === 0
  return (
    <search class="log-search">
      <form
        class="quiet"
        onSubmit={(event) => {
          event.preventDefault()
          void log.go.step(true)
        }}
      >
        <Icon name="search" />
        <input
          ref={field}
          type="search"
          value={text}
          placeholder={t.searchHint}
          aria-label={t.search}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => log.go.typeSearch(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || !event.shiftKey) return
            event.preventDefault()
            void log.go.step(false)
          }}
        />
        {text && (
          <>
            <output class="log-found" data-none={isNone} title={search?.failure || undefined}>
              {found}
            </output>
            <button type="button" aria-label={t.previous} title={t.previous} onClick={() => void log.go.step(false)}>
              <Icon name="up" />
            </button>
            <button type="button" aria-label={t.next} title={t.next} onClick={() => void log.go.step(true)}>
              <Icon name="down" />
            </button>
          </>
        )}
      </form>
    </search>
  )
}
