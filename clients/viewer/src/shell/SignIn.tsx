import { useState } from 'preact/hooks'
import { Dialog } from '../parts/Dialog'
import { words } from './preferences'
import { end, enter, prompt } from './session'

/** Asks for a token, and says why and what becomes of it. */
export function SignIn() {
  const t = words.value.shell
  const [wrong, setWrong] = useState('')
  const [isSending, setSending] = useState(false)
  const submit = async (event: Event) => {
    event.preventDefault()
    const field = (event.currentTarget as HTMLFormElement).elements.namedItem('token') as HTMLInputElement
    const given = field.value.trim()
    if (!given) return
    setSending(true)
    try {
      setWrong((await enter(given)) ?? '')
    } catch {
      setWrong(t.unreachable)
    }
    setSending(false)
    field.select()
  }
  return (
    <Dialog title={t.signIn} close={() => end(false)}>
      <form class="fields" onSubmit={submit}>
        <p class="full">
          {t.signInWhy} <span class="soft">{prompt.value}</span>
        </p>
        <label class="full">
          <span>{t.signInToken}</span>
          <input name="token" type="password" autocomplete="off" spellcheck={false} />
        </label>
        <p class="full soft">{t.signInNote}</p>
        {wrong && (
          <p class="wrong full" role="alert">
            {wrong}
          </p>
        )}
        <p class="actions full">
          <button type="button" onClick={() => end(false)}>
            {t.signInCancel}
          </button>
          <button type="submit" class="primary" disabled={isSending}>
            {t.signIn}
          </button>
        </p>
      </form>
    </Dialog>
  )
}
