import { useRef, useState } from 'preact/hooks'
import type { Shell } from '../shell/contract'

const TYPING_MILLISECONDS = 200

/** What changes a part of the query of a page's address; an empty value takes it out. */
export type Narrow = (name: string, value: string) => void

/** Narrows the page at `path`, which has been opened with `query`. */
export function narrowing(shell: Shell, path: string, query: URLSearchParams): Narrow {
  return (name, value) => {
    const next = new URLSearchParams(query)
    if (value) next.set(name, value)
    else next.delete(name)
    shell.navigate(next.size ? `${path}?${next}` : path, { replace: true })
  }
}

/** One of a few values; `text` says each of them. */
export function Segments<Value extends string>({
  name,
  legend,
  values,
  value: chosen,
  text,
  narrow,
}: {
  name: string
  legend: string
  values: readonly Value[]
  value: string
  text(value: Value): string
  narrow: Narrow
}) {
  return (
    <fieldset class="segments">
      <legend class="heard-only">{legend}</legend>
      {values.map((value) => (
        <label key={value}>
          <input type="radio" name={name} checked={chosen === value} onChange={() => narrow(name, value)} />
          <span>{text(value)}</span>
        </label>
      ))}
    </fieldset>
  )
}

/** A text to search for, taken a moment after the last key. */
export function SearchField({
  name,
  label,
  hint,
  value: given,
  narrow,
}: {
  name: string
  label: string
  hint: string
  value: string
  narrow: Narrow
}) {
  // What is being typed, until the address has it: the list that is loaded meanwhile must not take it back.
  const [typed, setTyped] = useState<string | null>(null)
  const typing = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  return (
    <input
      type="search"
      data-search
      aria-label={label}
      placeholder={hint}
      value={typed ?? given}
      spellcheck={false}
      autocomplete="off"
      onInput={({ currentTarget: { value } }) => {
        setTyped(value)
        clearTimeout(typing.current)
        typing.current = setTimeout(() => {
          narrow(name, value.trim())
          if (value === value.trim()) setTyped(null)
        }, TYPING_MILLISECONDS)
      }}
    />
  )
}
