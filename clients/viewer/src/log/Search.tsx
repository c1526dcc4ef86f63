import type { RefObject } from 'preact'
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
  void log.model.searchVersion.value
  const search = log.model.search.value
  const text = log.view.value.search
  const found = !text
    ? ''
    : search?.isKnown && search.text === text
      ? t.found(search.ordinal, search.total, search.isComplete)
      : search?.failure && search.text === text
        ? t.searchFailed
        : t.searching
  return (
    <search class="log-search">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void log.step(true)
        }}
      >
        <input
          ref={field}
          type="search"
          value={text}
          placeholder={t.searchHint}
          aria-label={t.search}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => log.typeSearch(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || !event.shiftKey) return
            event.preventDefault()
            void log.step(false)
          }}
        />
        {text && (
          <>
            <output class="log-found" title={search?.failure || undefined}>
              {found}
            </output>
            <button type="button" aria-label={t.previous} title={t.previous} onClick={() => void log.step(false)}>
              ↑
            </button>
            <button type="button" aria-label={t.next} title={t.next} onClick={() => void log.step(true)}>
              ↓
            </button>
          </>
        )}
      </form>
    </search>
  )
}
