// News of records, jobs and incidents, from a stream of updates.
import type { GatewayOptions } from 'otto-logs'
import { openUpdates, type UpdateEvents } from 'otto-logs/client'

/** Listens to one kind of news until the returned function is called. */
export function listenTo<K extends 'logsUpdated' | 'progress' | 'incident'>(
  gateway: GatewayOptions,
  kind: K,
  handle: (news: UpdateEvents[K]) => void,
): () => void {
  const stream = openUpdates(gateway)
  stream.on(kind, handle)
  return () => stream.close()
}
