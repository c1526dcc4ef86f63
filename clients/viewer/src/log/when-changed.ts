import { effect, type ReadonlySignal, untracked } from '@preact/signals'

/** Runs something now, and whenever one of some signals has another value; whatever else it reads does not count. */
export function whenChanged(signals: readonly ReadonlySignal<unknown>[], run: () => void): () => void {
  return effect(() => {
    for (const each of signals) void each.value
    untracked(run)
  })
}
