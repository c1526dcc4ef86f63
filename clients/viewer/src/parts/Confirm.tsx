import type { ComponentChildren } from 'preact'
import type { Shell } from '../shell/contract'
import { Dialog } from './Dialog'

/** Asks before something is done that cannot be undone; `action` is its name, in the title and on the button. */
export function Confirm({
  shell,
  action,
  close,
  confirm,
  children,
}: {
  shell: Shell
  action: string
  close(): void
  confirm(): void
  children: ComponentChildren
}) {
  return (
    <Dialog title={action} close={close}>
      <p>{children}</p>
      <p class="actions">
        <button type="button" onClick={close}>
          {shell.t.common.cancel}
        </button>
        <button type="button" class="danger" onClick={confirm}>
          {action}
        </button>
      </p>
    </Dialog>
  )
}
