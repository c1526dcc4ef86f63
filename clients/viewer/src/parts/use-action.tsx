import { useRef, useState } from 'preact/hooks'
import { RequestError } from '../data/requests'
import type { Shell } from '../shell/contract'

export interface Action {
  isBusy: boolean
  /** Of the last refusal. */
  error: RequestError | null
  /** What has been done, as a text. */
  done: string
  /** Does something, and shows the text that comes of it. */
  act(run: () => Promise<string>): Promise<boolean>
  again(): void
  clear(): void
}

/** Something that changes what the gateway has: one at a time, and what became of it. `reload` shows that. */
export function useAction(shell: Shell, reload: () => void = () => {}): Action {
  const [state, setState] = useState<{ isBusy: boolean; error: RequestError | null; done: string }>(IDLE)
  const last = useRef<() => Promise<string>>(async () => '')
  const act = async (run: () => Promise<string>) => {
    last.current = run
    setState({ ...IDLE, isBusy: true })
    try {
      setState({ ...IDLE, done: await run() })
      reload()
      return true
    } catch (error) {
      const known = error instanceof RequestError ? error : new RequestError(0, 'BROKEN', String(error))
      const text = known.status === 0 && known.code === 'UNREACHABLE' ? shell.t.shell.unreachable : known.message
      setState({ ...IDLE, error: new RequestError(known.status, known.code, text, known.field) })
      return false
    }
  }
  return { ...state, act, again: () => void act(last.current), clear: () => setState(IDLE) }
}

const IDLE = { isBusy: false, error: null, done: '' }

/** What became of an action; where the token is not enough, another one is asked for. */
export function Outcome({ shell, action, hidesError = false }: { shell: Shell; action: Action; hidesError?: boolean }) {
  const { error, done } = action
  if (error && !hidesError) {
    const mayEnter = error.status === 401 || error.status === 403
    return (
      <div class="strip" data-tone="bad" role="alert">
        <p>{error.message}</p>
        {mayEnter && (
          <p class="actions">
            <button
              type="button"
              onClick={async () => {
                if (await shell.signIn(error.message)) action.again()
              }}
            >
              {shell.t.shell.signIn}
            </button>
          </p>
        )}
      </div>
    )
  }
  return (
    <p class={done ? 'strip' : 'heard-only'} data-tone="good" role="status">
      {done}
    </p>
  )
}
