import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { canPreview, type RuleDocument, type RulePreview } from '../../data/alert-rules'
import { ALERTS } from '../../data/alerts'
import { change } from '../../data/requests'
import { duration } from '../../data/times'
import { Outcome, useAction } from '../../parts/use-action'
import type { Shell } from '../../shell/contract'
import { Excerpts } from './Excerpts'

/** Tries a rule, as it is in the form, on stored lines. */
export function PreviewPanel({ shell, when, body }: { shell: Shell; when: string; body(): { rule: RuleDocument } }) {
  const t = shell.t.alerts
  const [found, setFound] = useState<RulePreview | null>(null)
  const action = useAction(shell)
  const preview = () =>
    void action.act(async () => {
      setFound(null)
      const { rule } = body()
      // A name is asked for when it is saved; trying needs none.
      const result = await change<RulePreview>('POST', `${ALERTS}/preview`, {
        rule: { ...rule, name: rule.name || 'preview' },
      })
      setFound(result)
      return ''
    })
  const tried = useRef(() => {})
  tried.current = () => canPreview(when) && !action.isBusy && preview()
  useLayoutEffect(() => shell.keys.register({ p: { label: t.keys.preview, run: () => tried.current() } }), [shell])
  return (
    <section aria-labelledby="preview" class="alerts-preview">
      <h2 id="preview">{t.preview}</h2>
      {canPreview(when) ? (
        <p class="actions">
          <button type="button" disabled={action.isBusy} onClick={preview}>
            {t.preview}
          </button>
          <span class="soft" role="status">
            {action.isBusy ? t.previewing : !found && !action.error ? t.previewIdle : ''}
          </span>
        </p>
      ) : (
        <p class="soft">{t.previewNoTime}</p>
      )}
      {action.error && <Outcome shell={shell} action={action} />}
      {found && <Result shell={shell} found={found} />}
    </section>
  )
}

function Result({ shell, found }: { shell: Shell; found: RulePreview }) {
  const t = shell.t.alerts
  const since = found.since ? duration(Math.max(0, Date.now() - Date.parse(found.since))) : ''
  return (
    <>
      <p role="status">
        <b>
          {found.incidents ? t.previewFound(found.incidents) : t.previewNone}
          {since && t.previewSince(since)}
        </b>
        {'. '}
        <span class="soft">
          {t.previewOf(found.matches, found.lines)} {!found.isComplete && t.previewCut}
        </span>
      </p>
      {found.examples.length > 0 && (
        <>
          <h3>{t.previewExamples}</h3>
          <Excerpts shell={shell} lines={found.examples} context={0} />
        </>
      )}
    </>
  )
}
