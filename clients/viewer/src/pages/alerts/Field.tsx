import type { JSX } from 'preact'
import { useId } from 'preact/hooks'

/** A named field, with a hint and what was refused about it; `children` draws the control with what ties them together. */
export function Field({
  name,
  label,
  hint = '',
  wrong = '',
  isFull = false,
  children,
}: {
  name: string
  label: string
  hint?: string | undefined
  wrong?: string
  isFull?: boolean | undefined
  children(aria: { id: string; name: string; 'aria-invalid'?: 'true'; 'aria-describedby'?: string }): JSX.Element
}) {
  const id = useId()
  const described = [hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(' ')
  return (
    <div class={`field${isFull ? ' full' : ''}`}>
      <label for={id}>{label}</label>
      {children({
        id,
        name,
        ...(wrong && { 'aria-invalid': 'true' as const }),
        ...(described && { 'aria-describedby': described }),
      })}
      {hint && (
        <small id={`${id}-hint`} class="faint">
          {hint}
        </small>
      )}
      {wrong && (
        <span id={`${id}-wrong`} class="wrong" role="alert">
          {wrong}
        </span>
      )}
    </div>
  )
}
