import { ALERTS } from '../../data/alerts'
import { change } from '../../data/requests'
import { useAction } from '../../parts/use-action'
import type { Shell } from '../../shell/contract'

/** Sends a test to a target, and says what the target answered. */
export function TestButton({ shell, target }: { shell: Shell; target: string }) {
  const t = shell.t.alerts
  const { isBusy, error, done, act } = useAction(shell)
  const send = () =>
    void act(async () => {
      await change('POST', `${ALERTS}/targets/${encodeURIComponent(target)}/test`, {})
      return t.tested(target)
    })
  return (
    <>
      <button type="button" disabled={isBusy} aria-label={t.testOf(target)} onClick={send}>
        {t.test}
      </button>
      <span class={error ? 'bad' : 'good'} role="status">
        {error?.message ?? done}
      </span>
    </>
  )
}
