import { useEffect, useRef } from 'preact/hooks'
import { Icon } from '../parts/icons'
import type { Shell } from '../shell/contract'
import { HitsLane } from './HitsLane'
import { LineDetails } from './LineDetails'
import type { LogController } from './log-controller'
import { lineText } from './view-state'

/** The lines, and what floats above them. */
export function Rows({ log, taskId, shell }: { log: LogController; taskId: string; shell: Shell }) {
  const t = shell.t.log
  const scroller = useRef<HTMLDivElement>(null)
  const spacer = useRef<HTMLDivElement>(null)
  const window = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (scroller.current && spacer.current && window.current)
      return log.attach({ scroller: scroller.current, spacer: spacer.current, window: window.current })
  }, [log])
  const { model } = log
  const { lines, isWrapped } = log.view.value
  const active = log.activeRow.value
  const phase = model.phase.value

  return (
    <div class="log-body" data-placing={log.isPlacing.value || undefined}>
      <Refused log={log} shell={shell} />
      <div
        ref={scroller}
        class={`log-scroller${isWrapped ? ' is-wrapped' : ''}`}
        style={{ '--number-width': `${String(model.lastSequence.value).length}ch` }}
        role="grid"
        tabIndex={0}
        aria-label={t.rows(taskId)}
        aria-rowcount={model.rowCount}
        aria-multiselectable="true"
        aria-readonly="true"
        aria-busy={phase === 'loading'}
        aria-activedescendant={active === null ? undefined : `log-row-${active}`}
        onClick={(event) => onClick(event, log)}
        onPointerOver={(event) => onPointerOver(event, log)}
        onKeyDown={(event) => onKeyDown(event, log)}
      >
        <div ref={spacer} class="log-spacer" role="presentation">
          <div ref={window} class="log-window" role="rowgroup" />
        </div>
      </div>
      <HitsLane log={log} />
      <Empty log={log} taskId={taskId} shell={shell} />
      <LineDetails log={log} t={t} />
      <div class="log-floating">
        {lines && (
          <fieldset class="log-choice" aria-label={t.chosen(lines.from, lines.to)}>
            <span data-lines={lineText(lines)}>{t.chosen(lines.from, lines.to)}</span>
            <button type="button" onClick={() => void log.copy()}>
              {t.copy}
            </button>
            {model.isFiltered && (
              <button type="button" onClick={() => void log.showAround(lines.from)}>
                {t.showAround}
              </button>
            )}
            <button type="button" onClick={() => void log.copyLink()}>
              {t.copyLink}
            </button>
            <button type="button" aria-label={t.clearChoice} onClick={() => log.change({ lines: null })}>
              <Icon name="close" />
            </button>
          </fieldset>
        )}
        {log.said.value && <span class="log-said">{log.said.value}</span>}
        {!log.isFollowing.value && model.rowCount > 0 && (
          <button
            type="button"
            class={`log-follow${log.arrived.value ? ' has-arrivals' : ''}`}
            onClick={() => log.go.toEnd()}
          >
            {log.arrived.value ? t.arrived(log.arrived.value) : t.toEnd} <Icon name="down" size={12} />
          </button>
        )}
      </div>
    </div>
  )
}

/** In the place of lines, where there are none: why, and what can be done. */
function Empty({ log, taskId, shell }: { log: LogController; taskId: string; shell: Shell }) {
  const t = shell.t.log
  const { model } = log
  const phase = model.phase.value
  if (phase === 'loading')
    return (
      <div class="log-loading" role="status">
        <span class="heard-only">{t.loading}</span>
      </div>
    )
  if (model.rowCount > 0) return null
  if (phase === 'unreachable') return <div class="log-empty">{t.unreachable}</div>
  if (phase === 'refused') return <div class="log-empty">{model.refusal.value?.message}</div>
  if (model.isFiltered)
    return (
      <div class="log-empty">
        <b>{t.noMatch}</b>
        <button type="button" onClick={() => log.setFilter({})}>
          {t.clearFilters}
        </button>
      </div>
    )
  return (
    <div class="log-empty">
      <b>{phase === 'missing' ? t.unknown(taskId) : t.empty}</b>
      {phase === 'missing' && <span>{t.empty}</span>}
    </div>
  )
}

/** The gateway no longer answers this reader: what was read stays, and a token brings the rest. */
function Refused({ log, shell }: { log: LogController; shell: Shell }) {
  const refusal = log.model.refusal.value
  if (!refusal) return null
  return (
    <div class="strip log-refused" role="alert">
      <span>
        {log.mayEnter ? shell.t.shell.signedOut : shell.t.common.failed(refusal.code)}: {refusal.message}
      </span>
      {log.mayEnter && (
        <button type="button" class="primary" onClick={() => void log.enter()}>
          {shell.t.shell.signIn}
        </button>
      )}
    </div>
  )
}

function sequenceOf(event: Event): number | null {
  const row = (event.target as Element).closest<HTMLElement>('.log-row')
  return row?.dataset.sequence ? Number(row.dataset.sequence) : null
}

function onClick(event: MouseEvent, log: LogController): void {
  const target = event.target as Element
  const sequence = sequenceOf(event)
  if (sequence === null || target.closest('a')) return
  if (target.closest('[data-details]')) log.detail(sequence)
  else if (target.closest('[data-fold]')) log.toggleFold(sequence)
  else if (target.closest('.log-number')) log.choose(sequence, event.shiftKey)
  // A group opens on its title; text of it can still be selected.
  else if (target.closest('.is-group') && !globalThis.getSelection()?.toString()) log.toggleFold(sequence)
}

/** Dragging over the numbers chooses a range. */
function onPointerOver(event: PointerEvent, log: LogController): void {
  if (event.buttons !== 1 || !(event.target as Element).closest('.log-number')) return
  const sequence = sequenceOf(event)
  if (sequence === null || globalThis.getSelection()?.toString()) return
  log.choose(sequence, log.view.value.lines !== null)
}

function onKeyDown(event: KeyboardEvent, log: LogController): void {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    if (event.key === 'c' && log.view.value.lines && !globalThis.getSelection()?.toString()) {
      event.preventDefault()
      void log.copy()
    }
    return
  }
  const steps: Record<string, number> = {
    ArrowDown: 1,
    ArrowUp: -1,
    PageDown: log.go.pageRows,
    PageUp: -log.go.pageRows,
  }
  const by = steps[event.key]
  if (by !== undefined) log.go.move(by, event.shiftKey)
  else if (event.key === 'Home') log.go.toStart()
  else if (event.key === 'End') log.go.toEnd()
  else return
  event.preventDefault()
}
