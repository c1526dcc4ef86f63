import { useComputed, useSignalEffect } from '@preact/signals'
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import type { Shell } from '../shell/contract'
import type { Words } from '../words/words'
import { Bars } from './Bars'
import { Filters } from './Filters'
import { LogController } from './log-controller'
import { keysOf } from './log-keys'
import { Rows } from './Rows'
import { Search } from './Search'
import { Stages } from './Stages'
import './log.css'
import './terms.css'
import { ViewMenu } from './ViewMenu'

/** One task's log. */
export function LogPage({ taskId, query, shell }: { taskId: string; query: URLSearchParams; shell: Shell }) {
  const log = useMemo(() => new LogController(taskId, query, shell), [taskId])
  const { model } = log
  const t = shell.t.log
  const search = useRef<HTMLInputElement>(null)
  const filter = useRef<HTMLInputElement>(null)
  log.speak(shell, document.documentElement.lang || 'en')
  useEffect(() => () => log.close(), [log])
  useEffect(() => shell.title(taskId), [taskId, shell])
  useEffect(() => log.readAddress(query), [query])
  useLayoutEffect(
    () =>
      shell.keys.register(
        keysOf(
          log,
          t.keys,
          () => search.current,
          () => filter.current,
        ),
      ),
    [log, shell],
  )
  useSignalEffect(() => {
    const stream = model.stream.value
    if (stream === 'waiting') log.shell.announce(log.shell.t.log.states.waiting)
  })
  const state = useComputed(() => (model.stream.value === 'complete' ? 'complete' : model.stream.value))
  const ended = model.status.value
  const isEnded = state.value === 'complete' && ended !== 'RUNNING' && ended !== 'UNKNOWN'
  return (
    <section class="log-page" aria-label={t.rows(taskId)}>
      <header class="log-head">
        <h1 title={taskId}>{taskId}</h1>
        <span class={`log-state is-${isEnded ? ended.toLowerCase() : state.value}`}>
          {isEnded ? ((t.ends as Record<string, string>)[ended] ?? ended) : t.states[state.value]}
        </span>
        <LineCount log={log} t={t} />
        <Search log={log} t={t} field={search} />
        <ViewMenu log={log} t={t} />
      </header>
      {log.view.value.pipeline && <Stages pipelineId={log.view.value.pipeline} shell={shell} />}
      <Filters log={log} t={t} field={filter} />
      <Bars log={log} t={t} />
      <Rows log={log} taskId={taskId} t={t} signIn={shell.t.shell.signIn} />
    </section>
  )
}

// On its own: it changes with every line.
function LineCount({ log, t }: { log: LogController; t: Words['log'] }) {
  return <span class="log-count">{t.lines(log.model.lastSequence.value)}</span>
}
