import type { ComponentChildren } from 'preact'
import { useId, useRef } from 'preact/hooks'
import { Icon, type IconName } from './icons'

const DISTANCE = 4

/** Close the menu in which something was pressed. */
export function closeMenu({ currentTarget }: { currentTarget: Element }): void {
  currentTarget.closest<HTMLElement>('[popover]')?.hidePopover()
}

/** A button that opens a panel below it; Escape and a click elsewhere close it, and the focus returns. */
export function Menu({
  label,
  icon,
  text,
  children,
}: {
  label: string
  icon: IconName
  /** Beside the icon. */
  text?: string
  children: ComponentChildren
}) {
  const id = useId()
  const button = useRef<HTMLButtonElement>(null)
  const panel = useRef<HTMLDivElement>(null)
  // The attribute by its own name: the browser opens, closes and says so.
  const opens = { popovertarget: id }
  return (
    <>
      <button type="button" class="menu-button" ref={button} aria-label={label} title={label} {...opens}>
        <Icon name={icon} />
        {text && <span>{text}</span>}
      </button>
      <div
        id={id}
        ref={panel}
        class="menu"
        popover="auto"
        role="dialog"
        aria-label={label}
        onBeforeToggle={(event) => {
          const { style, dataset } = event.currentTarget
          const isOpen = (event as unknown as { newState: string }).newState === 'open'
          if (isOpen) dataset.menu = 'open'
          else delete dataset.menu
          const box = button.current?.getBoundingClientRect()
          if (!isOpen || !box) return
          const isRight = box.left + box.right > innerWidth
          style.top = `${box.bottom + DISTANCE}px`
          style.left = isRight ? 'auto' : `${Math.max(box.left, DISTANCE)}px`
          style.right = isRight ? `${Math.max(innerWidth - box.right, DISTANCE)}px` : 'auto'
        }}
      >
        {children}
      </div>
    </>
  )
}
