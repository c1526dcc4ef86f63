import type { Words } from '../words/words'
import { Icon, type IconName } from './icons'

export type Tone = 'busy' | 'good' | 'bad' | 'warn' | 'idle'

const TONES: Record<string, Tone> = {
  RUNNING: 'busy',
  PROCESSING: 'busy',
  COMPLETED: 'good',
  SUCCEEDED: 'good',
  FAILED: 'bad',
  RETRYING: 'warn',
}
const CHARACTERS: Partial<Record<IconName, string>> = {
  busy: '◌',
  good: '✓',
  bad: '◆',
  warn: '▲',
  cancelled: '⊘',
  idle: '○',
}
const COLOURS: Record<Tone, string> = {
  busy: '#3b8cff',
  good: '#2da55a',
  bad: '#e5484d',
  warn: '#d39a22',
  idle: '#8b949f',
}

/** The colour that a status has everywhere. */
export function toneOf(status: string): Tone {
  return TONES[nameOf(status)] ?? 'idle'
}

/** A status as a character, for the titles of tabs. */
export function characterOf(status: string): string {
  return CHARACTERS[markOf(status)] ?? ''
}

/** The colour of a status outside of the page, where no theme is known. */
export function colourOf(status: string): string {
  return COLOURS[toneOf(status)]
}

/** A status as the dictionaries write it. */
export function statusText(status: string, t: Words): string {
  return t.common.statuses[nameOf(status)] ?? status
}

function nameOf(status: string): string {
  return status.toUpperCase().replace(/^STAGE_/, '')
}

function markOf(status: string): IconName {
  return nameOf(status) === 'CANCELLED' ? 'cancelled' : toneOf(status)
}

/** A mark and a word; the mark has a form of its own for each, so that colour is not needed to tell them apart. */
export function StatusBadge({
  status,
  t,
  text,
  isPill = false,
}: {
  status: string
  t: Words
  /** In place of the status's own word. */
  text?: string
  isPill?: boolean
}) {
  return (
    <span class={`status${isPill ? ' is-pill' : ''}`} data-tone={toneOf(status)} data-status={nameOf(status)}>
      <Icon name={markOf(status)} size={isPill ? 12 : 14} />
      <span class="status-word">{text ?? statusText(status, t)}</span>
    </span>
  )
}
