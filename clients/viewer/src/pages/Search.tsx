import type { Level, LogFilter } from 'otto-logs'
import { gateway, type SearchHit, type SearchProgress, type SearchTotals } from 'otto-logs/history'
import { useEffect, useRef, useState } from 'preact/hooks'
import { type RequestError, signedIn } from '../data/requests'
import { LEVELS } from '../data/tasks'
import { millisecondsOf } from '../data/times'
import { filterQuery } from '../log/filter'
import { viewState } from '../log/view-state'
import { FilterField } from '../parts/FilterField'
import { ContextLine, LineText } from '../parts/LineText'
import { usePageKeys } from '../parts/row-keys'
import { Empty, Failure } from '../parts/State'
import { useTitle } from '../parts/use-title'
import type { Shell } from '../shell/contract'
import { logUrl } from '../shell/routes'

const HITS = 300
const CONTEXT = 1

interface Found {
  state: 'running' | 'done' | 'cancelled' | 'failed'
  hits: readonly SearchHit[]
  progress: SearchProgress
  totals?: SearchTotals
  error?: RequestError
}

const NOTHING: SearchProgress = { tasks: 0, tasksTotal: 0, lines: 0, hits: 0 }

/** Lines of all tasks that have a text, the newest first, as they are found. */
export function Search({ shell, query }: { shell: Shell; query: URLSearchParams }) {
  const t = shell.t.search
  const page = useRef<HTMLElement | null>(null)
  const q = query.get('q') ?? ''
  const level = query.get('level') ?? ''
  const { levels: _, ...filter } = viewState(query).filter
  const { found, cancel, again } = useSearch(shell, q, level, filter)
  useTitle(shell, [q, filter.expression, t.title].filter(Boolean).join(' · '))
  usePageKeys(shell, page, { Escape: { label: shell.t.common.cancel, inFields: true, run: () => cancel() } })

  const submit = (event: Event) => {
    event.preventDefault()
    const given = new FormData(event.currentTarget as HTMLFormElement)
    const text = String(given.get('q') ?? '').trim()
    const chosen = String(given.get('level') ?? '')
    if (text === q && chosen === level) again()
    else open(text, chosen, filter)
  }
  const open = (text: string, chosen: string, wanted: LogFilter) => {
    const next = filterQuery(wanted)
    if (text) next.set('q', text)
    if (chosen) next.set('level', chosen)
    shell.navigate(`/search${next.size ? `?${next}` : ''}`)
  }
  const atLeast = LEVELS.map((_, n) => LEVELS.slice(n).join(',')).slice(1)
  return (
    <section class="page" ref={page}>
      <header class="page-head">
        <h1>{t.title}</h1>
        <search>
          <form class="search" onSubmit={submit}>
            <input
              key={q}
              name="q"
              type="search"
              data-search
              aria-label={t.label}
              placeholder={t.hint}
              defaultValue={q}
              spellcheck={false}
              autocomplete="off"
            />
            <select name="level" aria-label={t.level} defaultValue={level} key={`level ${level}`}>
              <option value="">{t.anyLevel}</option>
              {atLeast.map((levels) => (
                <option key={levels} value={levels} selected={levels === level}>
                  {t.levelFrom(levels.split(',')[0] ?? '')}
                </option>
              ))}
            </select>
            {/* Two buttons, not one that changes: the click that cancels must not submit. */}
            {found?.state === 'running' ? (
              <button key="cancel" type="button" onClick={cancel}>
                {shell.t.common.cancel}
              </button>
            ) : (
              <button key="go" type="submit" class="primary">
                {t.go}
              </button>
            )}
          </form>
          <div class="search-filter">
            <FilterField filter={filter} change={(next) => open(q, level, next)} t={shell.t.log} />
          </div>
        </search>
      </header>
      {!found && (
        <Empty title={t.idle}>
          <p>{t.idleText}</p>
        </Empty>
      )}
      {found && <Summary shell={shell} found={found} again={again} />}
      {found && found.hits.length > 0 && <Hits shell={shell} found={found} q={q} filter={filter} />}
      {found?.state === 'done' && found.hits.length === 0 && (
        <Empty title={t.none}>
          <p>{t.noneText}</p>
        </Empty>
      )}
    </section>
  )
}

function Summary({ shell, found, again }: { shell: Shell; found: Found; again(): void }) {
  const t = shell.t.search
  const { state, progress, totals, error, hits } = found
  if (error?.status === 404) return <Empty title={t.off} />
  if (error) return <Failure shell={shell} error={error} isStrip={hits.length > 0} again={again} />
  const scanned = totals?.scanned
  return (
    <div class="search-state" data-state={state}>
      {state === 'running' && (
        <progress
          aria-label={t.searching}
          max={progress.tasksTotal || 1}
          value={progress.tasksTotal ? progress.tasks : undefined}
        />
      )}
      <p>
        {state === 'done' && scanned
          ? t.done(hits.length, scanned.lines, scanned.tasks)
          : `${t.hits(hits.length)} · ${t.progress(progress.lines, progress.tasks, progress.tasksTotal)}`}
        {state === 'cancelled' && <b> {t.cancelled}</b>}
        {state === 'done' && totals?.isComplete === false && <b> {t.cut}</b>}
      </p>
    </div>
  )
}

function Hits({ shell, found, q, filter }: { shell: Shell; found: Found; q: string; filter: LogFilter }) {
  // Labels choose tasks; in the log of one they say nothing, and are refused.
  const ofTask = /\blabel:/i.test(filter.expression ?? '') ? new URLSearchParams() : filterQuery(filter)
  if (q) ofTask.set('q', q)

  const groups = new Map<string, SearchHit[]>()
  for (const hit of found.hits) {
    const known = groups.get(hit.entry.taskId)
    if (known) known.push(hit)
    else groups.set(hit.entry.taskId, [hit])
  }
  const counts = new Map(found.totals?.tasks.map((task) => [task.taskId, task.count]))
  return (
    <ol
      class="hits"
      data-days={found.hits.some((hit) => (millisecondsOf(hit.entry.timestamp) ?? 0) < new Date().setHours(0, 0, 0, 0))}
    >
      {[...groups].map(([taskId, hits]) => (
        <li key={taskId}>
          <h2>
            <a href={logUrl(taskId, ofTask)}>
              <bdi>{taskId}</bdi>
            </a>
            <span class="soft">{shell.t.search.inTask(counts.get(taskId) ?? hits.length)}</span>
          </h2>
          <ol>
            {hits.map((hit) => (
              <li key={hit.entry.sequence}>
                {hit.before.map((line) => (
                  <ContextLine key={line.sequence} line={line} />
                ))}
                <a
                  class="hit"
                  data-row
                  data-level={hit.entry.level}
                  href={logUrl(taskId, new URLSearchParams({ ...(q && { q }), line: String(hit.entry.sequence) }))}
                >
                  <LineText line={hit.entry} q={q} />
                </a>
                {hit.after.map((line) => (
                  <ContextLine key={line.sequence} line={line} />
                ))}
              </li>
            ))}
          </ol>
        </li>
      ))}
    </ol>
  )
}

// One search at a time: another question, Cancel and leaving the page end the request, and with it the gateway's work.
function useSearch(shell: Shell, q: string, level: string, narrowed: LogFilter) {
  const filtered = filterQuery(narrowed).toString()
  const [found, setFound] = useState<Found | null>(null)
  const [count, setCount] = useState(0)
  const request = useRef<AbortController | undefined>(undefined)
  const cancel = () => {
    request.current?.abort()
    setFound((before) => (before?.state === 'running' ? { ...before, state: 'cancelled' } : before))
  }
  useEffect(() => {
    setFound(null)
    if (!q && !filtered) return
    const own = new AbortController()
    request.current = own
    let now: Found = { state: 'running', hits: [], progress: NOTHING }
    let frame = 0
    const show = (change: Partial<Found>) => {
      if (own.signal.aborted) return
      now = { ...now, ...change }
      frame ||= requestAnimationFrame(() => {
        frame = 0
        if (!own.signal.aborted) setFound(now)
      })
    }
    const filter = { ...narrowed, ...(level && { levels: level.split(',') as Level[] }) }
    const run = async () => {
      const query = { q, filter, limit: HITS, context: CONTEXT, signal: own.signal }
      for await (const event of gateway(shell.gateway).search(query)) {
        if (event.type === 'hit') show({ hits: [...now.hits, event.hit] })
        else if (event.type === 'progress') show({ progress: event.progress })
        else {
          show({ state: 'done', totals: event.totals })
          shell.announce(shell.t.search.hits(now.hits.length))
        }
      }
    }
    show({})
    signedIn(run).catch((error: RequestError) => show({ state: 'failed', error }))
    return () => {
      own.abort()
      cancelAnimationFrame(frame)
    }
  }, [q, level, filtered, count])
  return { found, cancel, again: () => setCount((before) => before + 1) }
}
