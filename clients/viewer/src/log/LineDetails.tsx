import type { LogEntry } from 'otto-logs'
import { paint, plain } from 'otto-logs/ansi'
import { clock } from '../data/times'
import { Icon } from '../parts/icons'
import { repository, timeZone } from '../shell/preferences'
import type { Words } from '../words/words'
import { LineIncidents } from './IncidentsLink'
import { prettyJson } from './json-lines'
import { linksOf } from './links'
import type { LogController } from './log-controller'

/** All of one line: its fields, its text over as many rows as it needs, JSON as a tree, its links. */
export function LineDetails({ log, t }: { log: LogController; t: Words['log'] }) {
  const entry = log.detailed.value
  if (!entry) return null
  const text = plain(entry.message)
  const { spans } = paint(entry.message)
  const links = linksOf(text, spans, repository.value)
  return (
    <section class="log-details" aria-label={t.details(entry.sequence)}>
      <header>
        <b>{t.chosen(entry.sequence, entry.sequence)}</b>
        <LineIncidents log={log} sequence={entry.sequence} />
        {log.model.isFiltered && (
          <button type="button" onClick={() => void log.showAround(entry.sequence)}>
            {t.showAround}
          </button>
        )}
        <button type="button" onClick={() => void log.copy({ from: entry.sequence, to: entry.sequence })}>
          {t.copy}
        </button>
        <button
          type="button"
          class="log-details-close"
          aria-label={t.closeDetails}
          onClick={() => log.detail(entry.sequence)}
        >
          <Icon name="close" />
        </button>
      </header>
      <Fields entry={entry} t={t} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <pre tabIndex={0}>{prettyJson(text) ?? text}</pre>
      {links.length > 0 && (
        <ul>
          {links.map(({ start, url }) => (
            <li key={start}>
              <a href={url} target="_blank" rel="noopener noreferrer">
                {url}
              </a>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function Fields({ entry, t }: { entry: LogEntry; t: Words['log'] }) {
  const time = Date.parse(entry.timestamp)
  const more = Object.entries({ ...entry.metadata, ...entry.podMetadata }).map(
    ([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as const,
  )
  const fields = [
    [t.time, Number.isNaN(time) ? entry.timestamp : `${clock(time, Date.now(), timeZone.value)} (${entry.timestamp})`],
    [t.levelName, entry.level],
    [t.chips.worker, entry.workerId],
    [t.chips.source, entry.source],
    ...more,
  ] as const
  return (
    <dl>
      {fields.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
