import type { Words } from '../words/words'

const TONES: Record<string, string> = {
  RUNNING: 'busy',
  PROCESSING: 'busy',
  COMPLETED: 'good',
  SUCCEEDED: 'good',
  FAILED: 'bad',
  RETRYING: 'warn',
  CANCELLED: 'warn',
}

/** The colour that a status has everywhere. */
export function toneOf(status: string): string {
  return TONES[nameOf(status)] ?? 'idle'
}

/** A status as the dictionaries write it. */
export function statusText(status: string, t: Words): string {
  return t.common.statuses[nameOf(status)] ?? status
}

function nameOf(status: string): string {
  return status.toUpperCase().replace(/^STAGE_/, '')
}

/** A mark and a word; the mark has a form of its own for each, so that colour is not needed to tell them apart. */
export function Status({ status, t }: { status: string; t: Words }) {
  return (
    <span class="status" data-tone={toneOf(status)} data-status={nameOf(status)}>
      {statusText(status, t)}
    </span>
  )
}
