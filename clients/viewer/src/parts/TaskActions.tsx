import { useSignal } from '@preact/signals'
import { deleteTask, pinTask, type Task } from '../data/tasks'
import type { Shell } from '../shell/contract'
import { Confirm } from './Confirm'
import { closeMenu, Menu } from './Menu'
import type { Action } from './use-action'

/** The menu of one task, for those who may change it. */
export function TaskActions({ task, changes, shell }: { task: Task; changes: Action; shell: Shell }) {
  const t = shell.t.tasks
  const isRemoving = useSignal(false)
  const { taskId, isPinned = false, lines } = task
  const close = () => {
    isRemoving.value = false
  }
  const remove = () => {
    close()
    void changes.act(async () => {
      await deleteTask(taskId)
      shell.announce(t.removed(taskId))
      return ''
    })
  }
  return (
    <>
      <Menu label={t.actions(taskId)} icon="more">
        <button
          type="button"
          onClick={(event) => {
            closeMenu(event)
            void changes.act(async () => {
              await pinTask(taskId, !isPinned)
              return ''
            })
          }}
        >
          {isPinned ? t.unpin : t.pin}
        </button>
        <button
          type="button"
          class="danger"
          disabled={isPinned}
          onClick={(event) => {
            closeMenu(event)
            isRemoving.value = true
          }}
        >
          {t.remove}
        </button>
      </Menu>
      {isRemoving.value && (
        <Confirm shell={shell} action={t.remove} close={close} confirm={remove}>
          {t.removeSure(taskId, shell.t.common.lines(lines))}
        </Confirm>
      )}
    </>
  )
}
