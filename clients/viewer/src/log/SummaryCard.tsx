import { useState } from 'preact/hooks'
import { duration } from '../data/times'
import { Icon } from '../parts/icons'
import { logUrl } from '../shell/routes'
import type { Words } from '../words/words'
import { SEVERE } from './filter'
import type { LogController } from './log-controller'
import { decisiveLine, type RunSummary, shownLines } from './summary'

const CAUSE_LINES = 5
/** Below a headline: the end alone. */
const HEADED_LINES = 3
const TESTS_SHOWN = 3
const LABELS_SHOWN = 4

/** Why a task failed, above its lines; it makes room as soon as the reader moves on. */
export function SummaryCard({ log, t }: { log: LogController; t: Words['log'] }) {
  const summary = log.failure.summary.value
  if (!summary || log.model.status.value !== 'FAILED' || !log.failure.isOpen.value) return null
  return (
    <section class="log-card" aria-label={t.summary.show}>
      <Facts summary={summary} t={t} />
      <Cause summary={summary} log={log} t={t} />
      <Changes summary={summary} log={log} t={t} />
      <FailedTests summary={summary} log={log} t={t} />
      <Actions summary={summary} log={log} t={t} />
    </section>
  )
}

/** What the card folds to. */
export function SummaryButton({ log, t }: { log: LogController; t: Words['log'] }) {
  if (!log.failure.summary.value || log.model.status.value !== 'FAILED' || log.failure.isOpen.value) return null
  return (
    <button type="button" class="log-why" onClick={() => log.failure.fold(false)}>
      <Icon name="bad" size={12} /> {t.summary.show}
    </button>
  )
}

function Facts({ summary, t }: { summary: RunSummary; t: Words['log'] }) {
  const { reason, command, durationSeconds } = summary
  return (
    <p class="log-card-facts">
      <b>{t.summary.title(reason)}</b>
      {command && <code title={command}>{command}</code>}
      {durationSeconds !== null && <span>{duration(durationSeconds * 1000)}</span>}
    </p>
  )
}

function Cause({ summary, log, t }: { summary: RunSummary; log: LogController; t: Words['log'] }) {
  const { cause, firstError } = summary
  const sequence = decisiveLine(summary)
  if (sequence === null) return null
  const most = cause?.headline ? HEADED_LINES : CAUSE_LINES
  const said = cause?.lines.filter((line) => line.trim() !== cause.headline?.trim())
  const lines = said ? shownLines(said, most) : [firstError?.message ?? '']
  return (
    <button type="button" class="log-card-cause" onClick={() => void log.go.toCause(sequence)}>
      <span class="log-card-line">{t.summary.line(sequence)}</span>
      <code>
        {cause?.headline && <b>{cause.headline}</b>}
        {lines.join('\n')}
      </code>
    </button>
  )
}

/** What is different from the last good run. */
function Changes({ summary, log, t }: { summary: RunSummary; log: LogController; t: Words['log'] }) {
  const { comparison } = summary
  const [first] = comparison?.appeared ?? []
  if (!comparison || (!first && !comparison.labels.length)) return null
  return (
    <p class="log-card-changes">
      <a href={logUrl(comparison.taskId)}>{t.summary.since(comparison.taskId)}</a>
      {comparison.labels.slice(0, LABELS_SHOWN).map(({ name, before, now }) => (
        <span key={name}>{t.summary.label(name, before ?? '—', now ?? '—')}</span>
      ))}
      {first && (
        <button type="button" title={first.message} onClick={() => void log.go.toCause(first.sequence)}>
          {t.summary.appeared(comparison.appearedCount, first.message)}
        </button>
      )}
    </p>
  )
}

function FailedTests({ summary, log, t }: { summary: RunSummary; log: LogController; t: Words['log'] }) {
  const [isWhole, setWhole] = useState(false)
  const { failedTests, failedTestCount } = summary
  if (!failedTests.length) return null
  const shown = isWhole ? failedTests : failedTests.slice(0, TESTS_SHOWN)
  return (
    <div class="log-card-tests">
      <h2>{t.summary.tests(failedTestCount)}</h2>
      <ul>
        {shown.map((test) => (
          <li key={`${test.sequence} ${test.name}`}>
            <button type="button" title={test.message || undefined} onClick={() => void log.go.toCause(test.sequence)}>
              <code>{test.name || test.message}</code>
            </button>
          </li>
        ))}
        {shown.length < failedTests.length && (
          <li>
            <button type="button" onClick={() => setWhole(true)}>
              {t.summary.more(failedTestCount - shown.length)}
            </button>
          </li>
        )}
      </ul>
    </div>
  )
}

function Actions({ summary, log, t }: { summary: RunSummary; log: LogController; t: Words['log'] }) {
  const { allLevels } = log.model.counts.value
  const errors = (allLevels.ERROR ?? 0) + (allLevels.FATAL ?? 0)
  const first = summary.firstError?.sequence
  return (
    <p class="log-card-actions">
      {first !== undefined && first !== decisiveLine(summary) && (
        <button type="button" onClick={() => void log.go.toCause(first)}>
          {t.summary.firstError}
        </button>
      )}
      {errors > 1 && (
        <button type="button" onClick={() => log.setFilter({ ...log.view.value.filter, levels: SEVERE })}>
          {t.summary.allErrors(errors)}
        </button>
      )}
      <button type="button" aria-label={t.summary.hide} title={t.summary.hide} onClick={() => log.failure.fold(true)}>
        <Icon name="close" />
      </button>
    </p>
  )
}
