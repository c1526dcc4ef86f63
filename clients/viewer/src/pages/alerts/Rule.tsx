import { useRef, useState } from 'preact/hooks'
import {
  type AlertRule,
  documentOf,
  type RuleForm as Form,
  fieldOf,
  formOf,
  NEW_RULE,
  type RuleList,
} from '../../data/alert-rules'
import { ALERTS } from '../../data/alerts'
import { change, read } from '../../data/requests'
import { useResource } from '../../data/resource'
import { Confirm } from '../../parts/Confirm'
import { usePageKeys } from '../../parts/row-keys'
import { Empty } from '../../parts/State'
import { Outcome, useAction } from '../../parts/use-action'
import { useTitle } from '../../parts/use-title'
import type { Shell } from '../../shell/contract'
import { alertRuleUrl } from '../../shell/routes'
import { conditionText } from './condition-text'
import { States } from './Frame'
import { PreviewPanel } from './PreviewPanel'
import { RuleForm } from './RuleForm'

/** One rule: what it says, to be changed where it is not of the file; without a name, a new one. */
export function Rule({ shell, name }: { shell: Shell; name: string }) {
  const t = shell.t.alerts
  const page = useRef<HTMLElement | null>(null)
  const found = useResource('alert rules', (signal) => read<RuleList>(`${ALERTS}/rules`, { signal }))
  const rule = found.value?.rules.find((each) => each.name === name)
  const title = name || t.newRule
  useTitle(shell, `${title} · ${t.title}`)
  usePageKeys(shell, page)
  return (
    <section class="page alerts" ref={page}>
      <header class="page-head">
        <nav class="trail">
          <a href="/alerts/rules">{t.allRules}</a>
        </nav>
        <h1>
          <bdi>{title}</bdi>
        </h1>
        {rule && (
          <p class="sum">
            <span>{conditionText(rule.rule, shell.t)}</span>
            {rule.source !== 'file' && <span>{t.storedBy(rule.source)}</span>}
            <a href={`/alerts?${new URLSearchParams({ rule: name })}`}>{t.ofIncidents}</a>
          </p>
        )}
      </header>
      <States shell={shell} found={found} />
      {found.value && name && !rule && (
        <Empty title={t.noRule}>
          <p>{t.noRuleText}</p>
        </Empty>
      )}
      {found.value && (rule || !name) && (
        <Editor key={name} shell={shell} rule={rule} targets={found.value.targets} reload={found.reload} />
      )}
    </section>
  )
}

function Editor({
  shell,
  rule,
  targets,
  reload,
}: {
  shell: Shell
  rule: AlertRule | undefined
  targets: string[]
  reload(): void
}) {
  const t = shell.t.alerts
  const [form, setForm] = useState<Form>(() => (rule ? formOf(rule.rule) : NEW_RULE))
  const [isRemoving, setRemoving] = useState(false)
  const element = useRef<HTMLFormElement>(null)
  const saving = useAction(shell)
  const isFixed = rule?.source === 'file'
  const body = () => ({ rule: documentOf(form, rule?.rule) })
  const wrong = saving.error ? fieldOf(saving.error) : ''

  const save = async (event: Event) => {
    event.preventDefault()
    if (saving.isBusy || isFixed) return
    const isSaved = await saving.act(async () => {
      const stored = await change<AlertRule>('POST', `${ALERTS}/rules`, body())
      if (!rule) {
        shell.announce(t.saved)
        shell.navigate(alertRuleUrl(stored.name), { replace: true })
      }
      return t.saved
    })
    if (isSaved) reload()
    else requestAnimationFrame(() => element.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus())
  }
  const remove = () => {
    setRemoving(false)
    void saving.act(async () => {
      await change('DELETE', `${ALERTS}/rules/${encodeURIComponent(rule?.name ?? '')}`)
      shell.announce(t.removed)
      shell.navigate('/alerts/rules', { replace: true })
      return t.removed
    })
  }
  return (
    <>
      {isFixed && <p class="note alerts-note">{t.fromFile}</p>}
      <Outcome shell={shell} action={saving} hidesError={wrong !== ''} />
      <div class="columns alerts-editor">
        <form ref={element} onSubmit={save} noValidate>
          <RuleForm
            shell={shell}
            form={form}
            change={(more) => setForm((before) => ({ ...before, ...more }))}
            targets={targets}
            isNew={!rule}
            isFixed={isFixed}
            wrong={wrong}
            reason={saving.error?.message ?? ''}
          />
          {!isFixed && (
            <p class="actions">
              <button type="submit" class="primary" disabled={saving.isBusy}>
                {rule ? t.save : t.create}
              </button>
              {rule && (
                <button type="button" class="danger" disabled={saving.isBusy} onClick={() => setRemoving(true)}>
                  {t.remove}
                </button>
              )}
            </p>
          )}
        </form>
        <PreviewPanel shell={shell} when={form.when} body={body} />
      </div>
      {isRemoving && rule && (
        <Confirm shell={shell} action={t.remove} close={() => setRemoving(false)} confirm={remove}>
          {t.removeSure(rule.name)}
        </Confirm>
      )}
    </>
  )
}
