import { afterEach, beforeEach, expect, test } from 'vitest'
import { createSSRApp, effectScope, h, nextTick, ref } from 'vue'
import { renderToString } from 'vue/server-renderer'
import { logView, pipelineView } from '../src/view.ts'
import { useLogStream, usePipelineProgress } from '../src/vue.ts'
import { lines, RoughGateway } from './support/rough-gateway.ts'
import { until } from './support/watch.ts'

let gateway: RoughGateway
const backoff = { min: 1, max: 5 }

beforeEach(async () => {
  gateway = await RoughGateway.start()
})

afterEach(() => gateway.stop())

test('a component of Vue that a server renders opens no stream', async () => {
  const setup = () => {
    const log = useLogStream({ url: gateway.url, taskId: 't' })
    const pipeline = usePipelineProgress({ url: gateway.url, pipelineId: 'p' })
    return () => h('p', `${log.value.state.kind} ${pipeline.value.stages.length}`)
  }
  expect(await renderToString(createSSRApp({ setup }))).toBe('<p>connecting 0</p>')
  const later = logView({ url: gateway.url, taskId: 'later' })
  await until(() => later.get().state.kind === 'open')
  expect(gateway.requests.map(({ url }) => url.pathname)).toEqual(['/api/v1/log-streaming/logs/later/stream'])
  later.close()
})

test('outside of components a stream of Vue lives as long as its scope', async () => {
  gateway.lines = lines(3)
  const taskId = ref('t')
  const scope = effectScope()
  const log = scope.run(() => useLogStream(() => ({ url: gateway.url, taskId: taskId.value, backoff })))!
  await until(() => log.value.entries.length === 3)
  taskId.value = 'other'
  await nextTick()
  expect(log.value.entries).toEqual([])
  await until(() => log.value.entries.length === 3)
  scope.stop()
  await until(() => gateway.open.size === 0)
})

test.each(['log', 'pipeline'])('the newest getToken is asked before a connection of a %s', async (kind) => {
  const options = { url: gateway.url, taskId: 't', pipelineId: 't', backoff }
  const first = { ...options, getToken: () => 'first' }
  const view = kind === 'log' ? logView(first) : pipelineView(first)
  await until(() => gateway.requests.length === 1)
  view.update({ getToken: () => 'second' })
  gateway.cut()
  await until(() => gateway.requests.length === 2)
  expect(gateway.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer first', 'Bearer second'])
  view.close()
})
