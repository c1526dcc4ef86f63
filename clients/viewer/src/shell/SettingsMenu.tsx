import { useState } from 'preact/hooks'
import { Menu } from '../parts/Menu'
import {
  chooseCharacterKeys,
  chooseDensity,
  chooseLanguage,
  chooseRepository,
  chooseTheme,
  chooseTimeZone,
  DENSITIES,
  density,
  hasCharacterKeys,
  LANGUAGES,
  language,
  repository,
  THEMES,
  theme,
  timeZone,
  words,
} from './preferences'

const LANGUAGE_NAMES = { en: 'English', ko: '한국어' }

/** What a reader chooses for all pages; the browser remembers it. */
export function SettingsMenu() {
  const t = words.value
  const names = t.shell.settings
  return (
    <Menu label={names.title} icon="settings">
      <Choice name={t.shell.theme} values={THEMES} texts={t.shell.themes} value={theme.value} choose={chooseTheme} />
      <Choice
        name={t.shell.language}
        values={LANGUAGES}
        texts={LANGUAGE_NAMES}
        value={language.value}
        choose={chooseLanguage}
      />
      <Choice
        name={t.log.density}
        values={DENSITIES}
        texts={t.log.densities}
        value={density.value}
        choose={chooseDensity}
      />
      <TimeZone />
      <label class="menu-field">
        <span>{names.repository}</span>
        <input
          value={repository.value}
          placeholder="https://…/blob/main/{file}#L{line}"
          spellcheck={false}
          autocomplete="off"
          onChange={(event) => chooseRepository(event.currentTarget.value)}
        />
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={hasCharacterKeys.value}
          onChange={(event) => chooseCharacterKeys(event.currentTarget.checked)}
        />
        {t.shell.characterKeys}
      </label>
    </Menu>
  )
}

function Choice<T extends string>({
  name,
  values,
  texts,
  value,
  choose,
}: {
  name: string
  values: readonly T[]
  texts: Record<T, string>
  value: T
  choose(value: T): void
}) {
  return (
    <fieldset class="menu-field segments-field">
      <legend>{name}</legend>
      <span class="segments">
        {values.map((each) => (
          <label key={each}>
            <input type="radio" name={name} checked={each === value} onChange={() => choose(each)} />
            <span>{texts[each]}</span>
          </label>
        ))}
      </span>
    </fieldset>
  )
}

function TimeZone() {
  const t = words.value.shell.settings
  const [isUnknown, setUnknown] = useState(false)
  return (
    <label class="menu-field">
      <span>{t.timeZone}</span>
      <input
        value={timeZone.value}
        list="time-zones"
        placeholder={t.localZone(Intl.DateTimeFormat().resolvedOptions().timeZone)}
        aria-invalid={isUnknown}
        spellcheck={false}
        autocomplete="off"
        onChange={(event) => setUnknown(!chooseTimeZone(event.currentTarget.value))}
      />
      <datalist id="time-zones">
        {['UTC', ...Intl.supportedValuesOf('timeZone')].map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
    </label>
  )
}
