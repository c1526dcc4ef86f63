import { computed, signal } from '@preact/signals'
import { ago, clock, exactly, millisecondsOf } from '../data/times'
import { language, timeZone } from '../shell/preferences'

/** The time, to the second; it stands still while nobody looks. */
export const now = signal(Date.now())
setInterval(() => {
  if (!document.hidden) now.value = Date.now()
}, 1000)
const coarse = computed(() => Math.floor(now.value / 5000) * 5000)

/** How long ago, or at what time; exactly in the tooltip. */
export function Time({ at, as = 'ago' }: { at: string | number | null | undefined; as?: 'ago' | 'clock' }) {
  const time = millisecondsOf(at)
  if (time === null) return <span class="faint">—</span>
  const exact = exactly(time)
  return (
    <time dateTime={exact} title={exact}>
      {as === 'clock'
        ? clock(time, now.value, timeZone.value)
        : ago(Math.min(time, now.value), now.value - time < 60_000 ? now.value : coarse.value, language.value)}
    </time>
  )
}
