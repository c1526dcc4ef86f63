/** Wait for what a stream says. */
import type { LogStream } from '../../src/index.ts'

/** Everything a stream handed out, in order, in words. */
export function recorded(stream: LogStream): unknown[] {
  const said: unknown[] = []
  stream.on('entries', (batch) => said.push(...batch.map((entry) => entry.sequence)))
  stream.on('gap', (gap) => said.push(['gap', gap.from, gap.to]))
  stream.on('restart', (restart) => said.push(['restart', restart.epoch, restart.reason]))
  stream.on('complete', (completion) => said.push(['complete', completion.lastSequence]))
  stream.on('error', (error) => said.push(['error', error.code]))
  return said
}

/** Below the limit of a test in vitest.config.ts, so that a failure says what was waited for. */
const PATIENCE = 100_000
// Kept, as tests put other clocks in their place.
const { setTimeout } = globalThis
const now = performance.now.bind(performance)

/** Resolve once `condition` holds; looked at after every turn of the loop. */
export async function until(condition: () => boolean): Promise<void> {
  const since = now()
  while (!condition()) {
    if (now() - since > PATIENCE) throw new Error(`waited in vain: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
