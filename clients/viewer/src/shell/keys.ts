// The keyboard registry: who handles which key, and what the help sheet says of it.
import { signal } from '@preact/signals'

export interface Key {
  /** One sentence for the help sheet. */
  label: string
  /** What it does; true or nothing: the key is used up. */
  run(event: KeyboardEvent): unknown
  /** Also while something is typed into a field. */
  inFields?: boolean
}

/** By what is pressed: `j`, `Shift+N`, `Control+f`, `Escape`, or two in a row as `g t`. */
export type Keys = Record<string, Key>

export interface KeyGroup {
  title: string
  keys: Keys
}

const SEQUENCE_MILLISECONDS = 1500

/** Registered groups, the latest last; a later one wins over an earlier one. */
export const groups = signal<readonly KeyGroup[]>([])

/** Adds keys until the returned function is called. */
export function register(keys: Keys, title = ''): () => void {
  const group = { title, keys }
  groups.value = [...groups.value, group]
  return () => {
    groups.value = groups.value.filter((other) => other !== group)
  }
}

/** What was pressed, as the registry writes it: Shift is named only where it changes no character. */
export function nameOf(event: KeyboardEvent): string {
  const { key } = event
  const isLetter = key.length === 1 && key.toLowerCase() !== key.toUpperCase()
  const parts = []
  if (event.ctrlKey) parts.push('Control')
  if (event.metaKey) parts.push('Meta')
  if (event.altKey) parts.push('Alt')
  if (event.shiftKey && (isLetter || key.length > 1)) parts.push('Shift')
  parts.push(isLetter ? (event.shiftKey ? key.toUpperCase() : key.toLowerCase()) : key === ' ' ? 'Space' : key)
  return parts.join('+')
}

/** Whether it is a character that is typed without a modifier: WCAG 2.1.4 wants shortcuts of that kind to be optional. */
export function isCharacter({ key, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
  return key.length === 1 && !ctrlKey && !metaKey && !altKey
}

/** Whether keys belong to what has the focus. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement)
    return true
  return target instanceof HTMLInputElement && !['checkbox', 'radio', 'button', 'submit', 'range'].includes(target.type)
}

/** Listens on a document until the returned function is called; `hasCharacters`: whether characters alone count. */
export function listen(document: Document, hasCharacters: () => boolean = () => true): () => void {
  let before = ''
  let beforeAt = 0
  const handle = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing || (isCharacter(event) && !hasCharacters())) return
    const name = nameOf(event)
    const typing = isTyping(event.target)
    const isModal = document.querySelector('dialog[open], [data-menu]') !== null
    // By when the keys were pressed, not by a timer: a page that is busy must not tear a sequence apart.
    if (event.timeStamp - beforeAt > SEQUENCE_MILLISECONDS) before = ''
    for (const wanted of before ? [`${before} ${name}`, name] : [name]) {
      const found = [...groups.value].reverse().find((group) => wanted in group.keys)?.keys[wanted]
      if (!found || (typing && !found.inFields) || isModal) continue
      before = ''
      if (found.run(event) !== false) event.preventDefault()
      return
    }
    const starts =
      !typing &&
      !isModal &&
      groups.value.some(({ keys }) => Object.keys(keys).some((key) => key.startsWith(`${name} `)))
    before = starts ? name : ''
    beforeAt = event.timeStamp
  }
  document.addEventListener('keydown', handle)
  return () => document.removeEventListener('keydown', handle)
}
