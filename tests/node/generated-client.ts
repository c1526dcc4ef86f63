// Calls a gateway with the client that @hey-api/openapi-ts makes of its description; compiled with `tsc --strict`.
import { client } from './client/client.gen.js'
import { listNodeExecutions, logNodeExecution, readHealth, recordScriptExecution } from './client/sdk.gen.js'

declare const process: { argv: string[] }

client.setConfig({ baseUrl: process.argv[2], throwOnError: true })
const health = await readHealth<true>()
const logged = await logNodeExecution<true>({
  body: { status: 'completed', execution_id: 'typescript', node_id: 'fetch', started_at: '2026-01-01T00:00:00Z', result: [1] },
})
const listed = await listNodeExecutions<true>({ query: { execution_id: 'typescript', limit: 1 } })
const recorded = await recordScriptExecution<true>({ path: { scriptId: 'a/b' }, body: { status: 'success' } })
const refused = await logNodeExecution({ body: { status: 'failed', started_at: 'soon' }, throwOnError: false })
const [row] = listed.data.logs
console.log(
  JSON.stringify({
    status: health.data.status,
    isSameRow: row?.id === logged.data.log_id,
    started: row?.started_at,
    message: recorded.data.message,
    refusal: refused.error?.error.field,
  })
)
