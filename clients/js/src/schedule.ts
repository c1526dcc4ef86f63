/** When waiting lines are handed out. */
import type { Schedule } from './types.ts'

/** A hidden tab has no frames. */
const FRAME_MAX = 1000

/** Run once, later; what it returns calls it off. */
export function later(schedule: Schedule | undefined, run: () => void): () => void {
  const frames = typeof requestAnimationFrame === 'function'
  const when = schedule ?? (frames ? 'frame' : 'microtask')
  let wanted = true
  const once = () => {
    if (!wanted) return
    cancel()
    run()
  }
  let timer: ReturnType<typeof setTimeout> | undefined
  let frame = 0
  const cancel = () => {
    wanted = false
    clearTimeout(timer)
    if (frame) cancelAnimationFrame(frame)
  }
  if (when === 'microtask') queueMicrotask(once)
  else {
    timer = setTimeout(once, when === 'frame' ? (frames ? FRAME_MAX : 16) : when)
    if (when === 'frame' && frames) frame = requestAnimationFrame(once)
  }
  return cancel
}
