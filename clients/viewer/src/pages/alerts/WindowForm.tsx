import { useState } from 'preact/hooks'
import { DAYS, type WindowForm as Form, newWindow, windowFieldOf, windowOf } from '../../data/alert-windows'
import { ALERTS } from '../../data/alerts'
import { change } from '../../data/requests'
import { Dialog } from '../../parts/Dialog'
import { Outcome, useAction } from '../../parts/use-action'
import type { Shell } from '../../shell/contract'
import { Field } from './Field'

/** Asks for a maintenance window. */
export function WindowForm({ shell, close, saved }: { shell: Shell; close(): void; saved(): void }) {
  const t = shell.t.alerts
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
  const [form, setForm] = useState<Form>(() => newWindow(new Date(), zone))
  const action = useAction(shell)
  const { error } = action
  const wrong = error ? windowFieldOf(error) : ''
  const set = (more: Partial<Form>) => setForm((before) => ({ ...before, ...more }))
  const isWeekly = form.kind === 'weekly'
  const submit = async (event: Event) => {
    event.preventDefault()
    const isSaved = await action.act(async () => {
      await change('POST', `${ALERTS}/maintenance`, { window: windowOf(form) })
      return t.windowSaved
    })
    if (isSaved) saved()
  }
  const text = (
    name: Exclude<keyof Form, 'days' | 'kind'>,
    more: { type?: 'time' | 'datetime-local'; hint?: string; isFull?: boolean } = {},
  ) => (
    <Field
      key={name + form.kind}
      name={name}
      label={t.windowFields[name]}
      hint={more.hint}
      isFull={more.isFull}
      wrong={wrong === name ? error?.message : ''}
    >
      {(aria) => (
        <input
          {...aria}
          type={(more.type ?? 'text') as 'text'}
          value={form[name]}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => set({ [name]: event.currentTarget.value })}
        />
      )}
    </Field>
  )
  const kind = (value: Form['kind']) =>
    set(
      value === 'weekly'
        ? { kind: value, from: '22:00', to: '06:00' }
        : { ...newWindow(new Date(), zone), name: form.name },
    )
  return (
    <Dialog title={t.newWindow} close={close}>
      <form class="fields" onSubmit={submit} noValidate>
        {text('name', { hint: t.hints.name })}
        <Field name="kind" label={t.windowFields.kind}>
          {(aria) => (
            <select {...aria} value={form.kind} onChange={(event) => kind(event.currentTarget.value as Form['kind'])}>
              {Object.entries(t.kinds).map(([value, name]) => (
                <option key={value} value={value}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
        {text('from', { type: isWeekly ? 'time' : 'datetime-local' })}
        {text('to', { type: isWeekly ? 'time' : 'datetime-local' })}
        {isWeekly && (
          <>
            <fieldset class="full alerts-days">
              <legend>{t.windowFields.days}</legend>
              {DAYS.map((day) => (
                <label key={day} class="check">
                  <input
                    type="checkbox"
                    checked={form.days.includes(day)}
                    onChange={() => set({ days: DAYS.filter((each) => form.days.includes(each) !== (each === day)) })}
                  />
                  {t.days[day]}
                </label>
              ))}
              {wrong === 'days' && <span class="wrong">{error?.message}</span>}
            </fieldset>
            {text('time_zone', { isFull: true })}
          </>
        )}
        {text('rules')}
        {text('tasks', { hint: t.hints.tasks })}
        {text('description', { isFull: true })}
        {error && !wrong && (
          <div class="full">
            <Outcome shell={shell} action={action} />
          </div>
        )}
        <p class="actions full">
          <button type="button" onClick={close}>
            {shell.t.common.cancel}
          </button>
          <button type="submit" class="primary" disabled={action.isBusy}>
            {t.save}
          </button>
        </p>
      </form>
    </Dialog>
  )
}
