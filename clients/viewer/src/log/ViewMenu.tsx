import { Menu } from '../parts/Menu'
import { chooseDensity, DENSITIES, type Density, density } from '../shell/preferences'
import type { Words } from '../words/words'
import type { LogController } from './log-controller'
import { TIME_FORMATS, type TimeFormat, type ViewState } from './view-state'

/** How lines are shown: columns, time, wrapping, density. */
export function ViewMenu({ log, t }: { log: LogController; t: Words['log'] }) {
  const view = log.view.value
  const checks: [keyof ViewState & ('isWrapped' | 'hasWorkers' | 'hasSources'), string][] = [
    ['isWrapped', t.wrap],
    ['hasWorkers', t.workers],
    ['hasSources', t.sources],
  ]
  return (
    <Menu label={t.view} icon="view" text={t.view}>
      {checks.map(([name, text]) => (
        <label class="check" key={name}>
          <input type="checkbox" checked={view[name]} onChange={() => log.change({ [name]: !view[name] })} />
          {text}
        </label>
      ))}
      <label class="menu-field">
        <span>{t.time}</span>
        <select
          aria-label={t.time}
          value={view.time}
          onChange={(event) => log.change({ time: event.currentTarget.value as TimeFormat })}
        >
          {TIME_FORMATS.map((format) => (
            <option key={format} value={format}>
              {t.times[format]}
            </option>
          ))}
        </select>
      </label>
      <label class="menu-field">
        <span>{t.density}</span>
        <select
          aria-label={t.density}
          value={density.value}
          onChange={(event) => chooseDensity(event.currentTarget.value as Density)}
        >
          {DENSITIES.map((each) => (
            <option key={each} value={each}>
              {t.densities[each]}
            </option>
          ))}
        </select>
      </label>
    </Menu>
  )
}
