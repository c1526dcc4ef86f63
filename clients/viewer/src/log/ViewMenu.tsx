import type { Words } from '../words/words'
import type { LogController } from './log-controller'
import { TIME_FORMATS, type TimeFormat } from './view-state'

export function ViewMenu({ log, t }: { log: LogController; t: Words['log'] }) {
  const view = log.view.value
  return (
    <fieldset class="log-view" aria-label={t.view}>
      <label>
        <span class="heard-only">{t.time}</span>
        <select
          value={view.time}
          aria-label={t.time}
          onChange={(event) => log.change({ time: event.currentTarget.value as TimeFormat })}
        >
          {TIME_FORMATS.map((format) => (
            <option key={format} value={format}>
              {t.time}: {t.times[format]}
            </option>
          ))}
        </select>
      </label>
      <button type="button" aria-pressed={view.isWrapped} onClick={() => log.change({ isWrapped: !view.isWrapped })}>
        {t.wrap}
      </button>
      <button type="button" aria-pressed={view.hasWorkers} onClick={() => log.change({ hasWorkers: !view.hasWorkers })}>
        {t.workers}
      </button>
      <button type="button" aria-pressed={view.hasSources} onClick={() => log.change({ hasSources: !view.hasSources })}>
        {t.sources}
      </button>
      <button
        type="button"
        aria-pressed={log.isFollowing.value}
        title={t.followHint}
        onClick={() => log.toggleFollow()}
      >
        {t.follow}
      </button>
      <a href={log.model.downloadUrl} download="">
        {t.download}
      </a>
    </fieldset>
  )
}
