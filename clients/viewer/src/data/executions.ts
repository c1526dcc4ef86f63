// Executions of workflows: rows of node runs, put together to what happened.
import { millisecondsOf } from './times'

export type RunStatus = 'running' | 'completed' | 'failed'

/** A row of `GET /api/logs/node-execution`. */
export interface NodeRow {
  id: number
  execution_id: string | null
  script_id: string | null
  node_id: string | null
  node_type: string | null
  node_name: string | null
  status: string
  started_at: number | string | null
  finished_at: number | string | null
  execution_time_ms: number | string | null
  parameters: unknown
  result: unknown
  error_message: string | null
  error_traceback: string | null
}

/** A node run with its times as numbers; null: not told. */
export interface NodeRun {
  row: NodeRow
  name: string
  status: string
  start: number | null
  end: number | null
  /** Milliseconds; of a running one, until `now`. */
  took: number | null
}

export interface Execution {
  id: string
  scriptId: string | null
  status: RunStatus
  /** Oldest first. */
  runs: NodeRun[]
  start: number | null
  end: number | null
  took: number | null
  failed: number
}

/** A row as a run. */
export function runOf(row: NodeRow, now: number): NodeRun {
  const start = millisecondsOf(row.started_at)
  const told = numberOf(row.execution_time_ms)
  const isRunning = row.status === 'running'
  const end =
    millisecondsOf(row.finished_at) ?? (start !== null && told !== null ? start + told : isRunning ? now : null)
  return {
    row,
    name: row.node_name || row.node_id || '?',
    status: row.status,
    start,
    end,
    took: told ?? (start !== null && end !== null ? Math.max(0, end - start) : null),
  }
}

/** Rows, newest first as the gateway gives them, as executions, the latest first. */
export function executionsOf(rows: readonly NodeRow[], now: number): Execution[] {
  const byId = new Map<string, NodeRow[]>()
  for (const row of rows) {
    if (!row.execution_id) continue // reported without an execution
    const known = byId.get(row.execution_id)
    if (known) known.push(row)
    else byId.set(row.execution_id, [row])
  }
  return [...byId].map(([id, own]) => executionOf(id, own, now)).sort((a, b) => (b.start ?? 0) - (a.start ?? 0))
}

/** The rows of one execution as what happened. */
export function executionOf(id: string, rows: readonly NodeRow[], now: number): Execution {
  const runs = rows.map((row) => runOf(row, now)).sort((a, b) => (a.start ?? 0) - (b.start ?? 0) || a.row.id - b.row.id)
  const starts = runs.flatMap((run) => (run.start === null ? [] : [run.start]))
  const ends = runs.flatMap((run) => (run.end === null ? [] : [run.end]))
  const start = starts.length ? Math.min(...starts) : null
  const end = ends.length ? Math.max(...ends) : null
  const failed = runs.filter((run) => run.status === 'failed').length
  return {
    id,
    scriptId: rows.find((row) => row.script_id)?.script_id ?? null,
    status: runs.some((run) => run.status === 'running') ? 'running' : failed ? 'failed' : 'completed',
    runs,
    start,
    end,
    took: start !== null && end !== null ? end - start : null,
    failed,
  }
}

export interface NodeTotal {
  name: string
  runs: number
  failed: number
  total: number
  longest: number
}

/** Where the time went: by node, the longest first. */
export function totalsOf(runs: readonly NodeRun[]): NodeTotal[] {
  const byNode = new Map<string, NodeTotal>()
  for (const run of runs) {
    const total = byNode.get(run.row.node_id ?? '') ?? { name: run.name, runs: 0, failed: 0, total: 0, longest: 0 }
    total.runs += 1
    total.failed += run.status === 'failed' ? 1 : 0
    total.total += run.took ?? 0
    total.longest = Math.max(total.longest, run.took ?? 0)
    byNode.set(run.row.node_id ?? '', total)
  }
  return [...byNode.values()].sort((a, b) => b.total - a.total)
}

/** Round numbers of milliseconds for the axis of a span, at most `most` and the zero. */
export function ticksOf(span: number, most: number): number[] {
  if (!(span > 0)) return [0]
  const bare = span / most
  const power = 10 ** Math.floor(Math.log10(bare))
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= bare) ?? bare
  return Array.from({ length: Math.floor(span / step) + 1 }, (_, n) => n * step)
}

function numberOf(value: number | string | null): number | null {
  if (value === null || value === '') return null
  const number = Number(value)
  return Number.isFinite(number) ? number : null
}
