// Compiled against the installed package, never run: what every event and answer is, and what is refused.
import { CLOSE_REASONS, type CloseCode, GatewayError, type LogEntry, mayReconnect, openLogStream, openPipeline } from 'otto-logs'
import { gateway, type SearchEvent } from 'otto-logs/history'
import { type Painted, paint } from 'otto-logs/ansi'
import { createClient } from 'otto-logs/client'
import { useLog, useLogStream, usePipelineProgress } from 'otto-logs/react'
import { logStore } from 'otto-logs/store'
import { FakeGateway } from 'otto-logs/testing'
import { openSharedLogStream } from 'otto-logs/shared'
import { useLogStream as useVueLog } from 'otto-logs/vue'
import { io } from 'socket.io-client'

const stream = openLogStream({ url: '', taskId: 't', transport: 'socket.io', io, filter: { levels: ['WARN'] } })
stream.on('entries', (batch) => batch.map((entry: LogEntry): [number, string] => [entry.sequence, entry.message]))
stream.on('gap', ({ from, to, reason }): [number, number, string] => [from, to, reason])
stream.on('restart', ({ epoch, reason }): [string, string] => [epoch, reason])
stream.on('state', ({ kind, attempt, retryAt }): [string, number, number | undefined] => [kind, attempt, retryAt])
stream.on('complete', ({ status, lastSequence }): [string, number] => [status, lastSequence])
const stop: () => void = stream.on('error', (error: GatewayError) => [error.code, error.status, error.field])
const places: (string | null)[] = [stream.position, stream.oldest]
const changed: Promise<void> = stream.setFilter({ startTime: '2026-01-01T00:00:00Z' })

openPipeline({ url: '', pipelineId: 'p' }).on('progress', ({ stageId, progressPercentage }): [string, number] => [
  stageId,
  progressPercentage,
])

// @ts-expect-error no such event
stream.on('line', () => {})
// @ts-expect-error a batch is no line
stream.on('entries', (entry: LogEntry) => entry)
// @ts-expect-error no such level
openLogStream({ url: '', taskId: 't', filter: { levels: ['LOUD'] } })
// @ts-expect-error no task
openLogStream({ url: '' })
// @ts-expect-error null before the first line
const position: string = stream.position

async function stored(): Promise<[number, boolean, number, number | null, SearchEvent[]]> {
  const calls = gateway({ url: '', getToken: async () => 'token' })
  const { entries, isRestart } = await calls.history('t', { before: stream.oldest ?? 1 })
  const { levels } = await calls.counts('t', { buckets: 10 })
  const { total } = await calls.tasks()
  const events: SearchEvent[] = []
  for await (const event of calls.search({ q: 'x' })) {
    events.push(event)
    if (event.type === 'hit') event.hit.before.map((entry: LogEntry) => entry.timestamp)
    // @ts-expect-error only a hit has one
    else event.hit
  }
  return [entries.length, isRestart, levels.ERROR ?? 0, total, events]
}

stream.on('state', (state) => {
  if (state.kind === 'waiting') return state.retryAt.toFixed()
  // @ts-expect-error only one that waits has a time
  return state.retryAt.toFixed()
})
const either = [stream, openPipeline({ url: '', pipelineId: 'p' })]
for (const each of either) each.on('error', ({ code }) => (code === 'NOT_FOUND' ? each.reconnect() : undefined))

async function client(): Promise<[string, number | null, string | undefined, Painted]> {
  const otto = createClient({ url: '', getToken: () => 'token', headers: { 'X-Team': 'build' } })
  for await (const event of otto.log('t').events()) {
    if (event.type === 'restart') console.log(event.restart.reason)
    // @ts-expect-error only a gap has one
    if (event.type === 'entry') console.log(event.gap)
  }
  otto.updates().on('logsUpdated', ({ executionId }): string | undefined => executionId)
  const { cause, exitCode } = await otto.summary('t')
  const last = await otto.pipeline('p').closed
  return [last.kind, exitCode, cause?.headline, paint('')]
}

const pages = () => {
  const { entries, hasOlder, loadOlder, reconnect, state } = useLog({ url: '', taskId: null, keepPrevious: true })
  if (state.kind === 'idle' && hasOlder) void loadOlder().then(reconnect)
  const store = logStore({ url: '', taskId: 't', open: new FakeGateway().open })
  return [entries, store.subscribe((view) => view.entries.length)]
}

const codes: [CloseCode, 4500, boolean] = ['SERVER_FULL', CLOSE_REASONS.COMPLETED, mayReconnect('COMPLETED')]
const views = () => [
  useLogStream({ url: '', taskId: 't', open: openSharedLogStream }).entries,
  usePipelineProgress({ url: '', pipelineId: 'p' }).stages,
  useVueLog(() => ({ url: '', taskId: 't' })).value.complete?.status,
]
export { changed, client, codes, pages, places, position, stop, stored, views }
