import { useRef, useState } from 'preact/hooks'
import { newTaskOf } from '../data/automation'
import { change, RequestError } from '../data/requests'
import type { Shell } from '../shell/contract'
import { Dialog } from './Dialog'

/** Asks for what a new automation task needs, and says what the gateway thinks of it. */
export function NewTaskForm({ shell, close, created }: { shell: Shell; close(): void; created(taskId: string): void }) {
  const t = shell.t.automation
  const form = useRef<HTMLFormElement>(null)
  const [wrong, setWrong] = useState('')
  const [isSending, setSending] = useState(false)

  const submit = async (event: Event) => {
    event.preventDefault()
    const given = Object.fromEntries(new FormData(form.current as HTMLFormElement)) as Record<string, string>
    const made = newTaskOf({
      title: given.title ?? '',
      type: given.type ?? '',
      mediaMode: given.mediaMode ?? '',
      settings: given.settings ?? '',
      when: given.when ?? '',
      repeat: given.repeat ?? '',
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      privacy: given.privacy ?? '',
    })
    if ('wrong' in made) {
      setWrong(t.wrong[made.wrong])
      form.current?.querySelector<HTMLElement>(`[name="${made.wrong}"]`)?.focus()
      return
    }
    setSending(true)
    setWrong('')
    try {
      const { taskId } = await change<{ taskId: string }>('POST', '/api/automation/tasks', made.task)
      created(taskId)
    } catch (error) {
      setSending(false)
      setWrong(error instanceof RequestError && error.status !== 0 ? error.message : shell.t.shell.unreachable)
    }
  }
  const options = (of: Record<string, string>) =>
    Object.entries(of).map(([value, name]) => (
      <option key={value} value={value}>
        {name}
      </option>
    ))
  return (
    <Dialog title={t.create} close={close}>
      <form ref={form} class="fields" onSubmit={submit} noValidate>
        <label class="full">
          <span>{t.name}</span>
          <input name="title" maxLength={300} autocomplete="off" />
        </label>
        <label>
          <span>{t.type}</span>
          <select name="type">{options(t.types)}</select>
        </label>
        <label>
          <span>{t.media}</span>
          <select name="mediaMode">{options(t.medias)}</select>
        </label>
        <label>
          <span>
            {t.when} <small>{t.whenNote}</small>
          </span>
          <input name="when" type="datetime-local" step={1} />
        </label>
        <label>
          <span>{t.repeat}</span>
          <select name="repeat">{options(t.repeats)}</select>
        </label>
        <label>
          <span>{t.privacy}</span>
          <select name="privacy">{options(t.privacies)}</select>
        </label>
        <label class="full">
          <span>{t.settings}</span>
          <textarea name="settings" rows={3} spellcheck={false} placeholder='{"format": "9:16"}' />
        </label>
        {wrong && (
          <p class="wrong full" role="alert">
            {wrong}
          </p>
        )}
        <p class="actions full">
          <button type="button" onClick={close}>
            {shell.t.common.cancel}
          </button>
          <button type="submit" class="primary" disabled={isSending}>
            {t.submit}
          </button>
        </p>
      </form>
    </Dialog>
  )
}
