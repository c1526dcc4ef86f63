import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

/** A modal window: the browser keeps the focus in it, Escape closes it, and the focus returns to where it was. */
export function Dialog({
  title,
  close,
  children,
  isWide = false,
}: {
  title: string
  close(): void
  children: ComponentChildren
  isWide?: boolean
}) {
  const box = useRef<HTMLDialogElement>(null)
  // Before the next key, which may be the Escape that closes it: an effect would come after the next frame.
  useLayoutEffect(() => {
    const before = document.activeElement
    const dialog = box.current
    dialog?.showModal()
    return () => {
      dialog?.close() // while it is modal, nothing else can have the focus
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  return (
    <dialog
      ref={box}
      aria-label={title}
      data-wide={isWide}
      onCancel={(event) => {
        event.preventDefault()
        close()
      }}
      onMouseDown={(event) => {
        if (event.target === box.current) close()
      }}
    >
      <div class="dialog">
        <h2>{title}</h2>
        {children}
      </div>
    </dialog>
  )
}
