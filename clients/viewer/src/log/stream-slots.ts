/**
 * Browsers open six connections to an origin on HTTP/1.1, for all tabs together: a seventh stream would leave none for
 * anything else. So all tabs together hold a few streams, and the others ask again and again until one is free.
 */
const SLOTS = 4

/** Takes a slot: what gives it back, or null where all are taken. */
export async function takeSlot(): Promise<(() => void) | null> {
  const { locks } = navigator
  // Without locks (no secure context) nothing is known of other tabs; over HTTP/2 nothing has to be.
  if (!locks || isMultiplexed()) return () => {}
  for (let slot = 0; slot < SLOTS; slot++) {
    const release = await take(locks, `otto-stream-${slot}`)
    if (release) return release
  }
  return null
}

function isMultiplexed(): boolean {
  const [page] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[]
  return page?.nextHopProtocol === 'h2' || page?.nextHopProtocol === 'h3'
}

function take(locks: LockManager, name: string): Promise<(() => void) | null> {
  return new Promise((resolve) => {
    locks
      .request(name, { ifAvailable: true }, (lock) => {
        if (!lock) return resolve(null)
        return new Promise<void>((release) => resolve(release))
      })
      .catch(() => resolve(() => {}))
  })
}
