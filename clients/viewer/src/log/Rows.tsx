import { useEffect, useRef } from 'preact/hooks'
import type { Words } from '../words/words'
import type { LogController } from './log-controller'
import { lineText } from './view-state'

/** The lines, and what floats above them. */
export function Rows({
  log,
  taskId,
  t,
  signIn,
}: {
  log: LogController
  taskId: string
  t: Words['log']
  /** What the button that asks for a token says. */
  signIn: string
}) {
  const scroller = useRef<HTMLDivElement>(null)
  const spacer = useRef<HTMLDivElement>(null)
  const window = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (scroller.current && spacer.current && window.current)
      return log.attach({ scroller: scroller.current, spacer: spacer.current, window: window.current })
  }, [log])
  const { model } = log
  void model.version.value
  const { lines, isWrapped } = log.view.value
  const active = log.activeRow.value
  const phase = model.phase.value

  const sequenceOf = (event: Event) => {
    const row = (event.target as Element).closest<HTMLElement>('.log-row')
    return row?.dataset.sequence ? Number(row.dataset.sequence) : null
  }
  const onClick = (event: MouseEvent) => {
    const target = event.target as Element
    const fold = target.closest<HTMLElement>('[data-fold]')
    if (fold) return log.toggleFold(Number(fold.dataset.fold))
    const sequence = sequenceOf(event)
    if (sequence !== null && target.closest('.log-number')) log.choose(sequence, event.shiftKey)
  }
  // Dragging over the numbers chooses a range.
  const onPointerOver = (event: PointerEvent) => {
    if (event.buttons !== 1 || !(event.target as Element).closest('.log-number')) return
    const sequence = sequenceOf(event)
    if (sequence === null || globalThis.getSelection()?.toString()) return
    if (log.view.value.lines === null) log.choose(sequence, false)
    else log.choose(sequence, true)
  }
  const empty =
    phase === 'loading'
      ? t.loading
      : phase === 'unreachable' && model.rowCount === 0
        ? t.unreachable
        : phase === 'refused'
          ? (model.refusal.value?.message ?? '')
          : model.rowCount === 0
            ? model.isFiltered
              ? t.noMatch
              : t.empty
            : ''
  return (
    <div class="log-body">
      <div
        ref={scroller}
        class={`log-scroller${isWrapped ? ' is-wrapped' : ''}`}
        role="grid"
        tabIndex={0}
        aria-label={t.rows(taskId)}
        aria-rowcount={model.rowCount}
        aria-multiselectable="true"
        aria-readonly="true"
        aria-busy={phase === 'loading'}
        aria-activedescendant={active === null ? undefined : `log-row-${active}`}
        onClick={onClick}
        onPointerOver={onPointerOver}
        onKeyDown={(event) => onKeyDown(event, log)}
      >
        <div ref={spacer} class="log-spacer" role="presentation">
          <div ref={window} class="log-window" role="rowgroup" />
        </div>
      </div>
      {empty && (
        <div class={`log-empty${phase === 'refused' ? ' is-refused' : ''}`}>
          {empty}
          {phase === 'refused' && log.mayEnter && (
            <p class="actions">
              <button type="button" class="primary" onClick={() => void log.enter()}>
                {signIn}
              </button>
            </p>
          )}
        </div>
      )}
      <div class="log-floating">
        {lines && (
          <fieldset class="log-choice" aria-label={t.chosen(lines.from, lines.to)}>
            <span data-lines={lineText(lines)}>{t.chosen(lines.from, lines.to)}</span>
            <button type="button" onClick={() => void log.copy()}>
              {t.copy}
            </button>
            <button type="button" onClick={() => void log.copyLink()}>
              {t.copyLink}
            </button>
            <button type="button" aria-label={t.clearChoice} onClick={() => log.change({ lines: null })}>
              ×
            </button>
          </fieldset>
        )}
        {log.said.value && <span class="log-said">{log.said.value}</span>}
        {!log.isFollowing.value && model.rowCount > 0 && (
          <button
            type="button"
            class={`log-follow${log.arrived.value ? ' has-arrivals' : ''}`}
            onClick={() => log.toEnd()}
          >
            {log.arrived.value ? t.arrived(log.arrived.value) : t.toEnd} <span aria-hidden="true">↓</span>
          </button>
        )}
      </div>
    </div>
  )
}

function onKeyDown(event: KeyboardEvent, log: LogController): void {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    if (event.key === 'c' && log.view.value.lines && !globalThis.getSelection()?.toString()) {
      event.preventDefault()
      void log.copy()
    }
    return
  }
  const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: log.pageRows, PageUp: -log.pageRows }
  const by = steps[event.key]
  if (by !== undefined) log.move(by, event.shiftKey)
  else if (event.key === 'Home') log.toStart()
  else if (event.key === 'End') log.toEnd()
  else return
  event.preventDefault()
}
