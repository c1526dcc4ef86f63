import type { ComponentChildren } from 'preact'
import { CONDITIONS, type Condition, FIELDS_OF, type RuleForm as Form } from '../../data/alert-rules'
import type { Shell } from '../../shell/contract'
import { Field } from './Field'
import { TestButton } from './TestButton'

/** The fields of a rule; what the gateway finds wrong is said at the field that it names. */
export function RuleForm({
  shell,
  form,
  change,
  targets,
  isNew,
  isFixed,
  wrong,
  reason,
}: {
  shell: Shell
  form: Form
  change(more: Partial<Form>): void
  targets: readonly string[]
  isNew: boolean
  isFixed: boolean
  /** The field that was refused, and why. */
  wrong: keyof Form | ''
  reason: string
}) {
  const t = shell.t.alerts
  const used = FIELDS_OF[form.when]
  type Name = Exclude<keyof Form, 'notify' | 'when' | 'group'>
  const text = (name: Name, more: { hint?: string; isFull?: boolean; placeholder?: string; isMono?: boolean } = {}) => (
    <Field name={name} label={t.fields[name]} wrong={wrong === name ? reason : ''} {...more}>
      {(aria) => (
        <input
          {...aria}
          value={form[name]}
          placeholder={more.placeholder}
          readOnly={isFixed || (name === 'name' && !isNew)}
          data-mono={more.isMono}
          autocomplete="off"
          spellcheck={name === 'description'}
          onInput={(event) => change({ [name]: event.currentTarget.value })}
        />
      )}
    </Field>
  )
  const choice = (name: 'when' | 'group', values: readonly string[], names: Record<string, string>) => (
    <Field name={name} label={t.fields[name]} wrong={wrong === name ? reason : ''}>
      {(aria) => (
        <select
          {...aria}
          value={form[name]}
          disabled={isFixed}
          onChange={(event) => change({ [name]: event.currentTarget.value as Condition })}
        >
          {values.map((value) => (
            <option key={value} value={value}>
              {names[value] ?? value}
            </option>
          ))}
        </select>
      )}
    </Field>
  )
  const { duration } = t.hints
  return (
    <div class="fields">
      {text('name', { hint: isNew ? t.hints.name : '', isMono: true })}
      {choice('when', CONDITIONS, t.conditions)}
      {used.includes('filter') &&
        text('filter', { isFull: true, isMono: true, placeholder: shell.t.log.addFilterHint })}
      {used.includes('count') && text('count')}
      {used.includes('within') && text('within', { hint: duration })}
      {used.includes('for') && text('for', { hint: duration })}
      {text('tasks', { hint: t.hints.tasks, isMono: true })}
      {form.when !== 'stage_failed' && text('labels', { hint: t.hints.labels, isMono: true })}
      {choice('group', ['task', 'rule'], t.groups)}
      {text('severity')}
      <Targets shell={shell} form={form} change={change} targets={targets} isFixed={isFixed}>
        {wrong === 'notify' && <span class="wrong">{reason}</span>}
      </Targets>
      {text('cooldown', { hint: duration })}
      {text('resolve_after', { hint: duration })}
      {text('notifications_per_hour')}
      {text('digest', { hint: t.hints.digest })}
      {text('description', { isFull: true })}
    </div>
  )
}

function Targets({
  shell,
  form,
  change,
  targets,
  isFixed,
  children,
}: {
  shell: Shell
  form: Form
  change(more: Partial<Form>): void
  targets: readonly string[]
  isFixed: boolean
  children: ComponentChildren
}) {
  const t = shell.t.alerts
  const toggle = (name: string) =>
    change({
      notify: form.notify.includes(name) ? form.notify.filter((each) => each !== name) : [...form.notify, name],
    })
  return (
    <fieldset class="full alerts-targets">
      <legend>{t.fields.notify}</legend>
      {targets.length === 0 && <span class="soft">{t.noTargetsThere}</span>}
      {targets.map((name) => (
        <span key={name} class="alerts-target">
          <label class="check">
            <input
              type="checkbox"
              checked={form.notify.includes(name)}
              disabled={isFixed}
              onChange={() => toggle(name)}
            />
            <bdi>{name}</bdi>
          </label>
          <TestButton shell={shell} target={name} />
        </span>
      ))}
      {children}
    </fieldset>
  )
}
