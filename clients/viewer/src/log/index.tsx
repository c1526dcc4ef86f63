// A stand-in until the log page is built: the last lines of a task, live.
import { useEffect, useState } from 'preact/hooks'
import type { Shell } from '../shell/contract'

interface Entry {
  sequence: number
  message: string
}

export function LogPage({ taskId, shell }: { taskId: string; query: URLSearchParams; shell: Shell }) {
  const [entries, setEntries] = useState<Entry[]>([])
  useEffect(() => {
    shell.title(taskId)
    setEntries([])
    const source = new EventSource(`/api/v1/log-streaming/logs/${encodeURIComponent(taskId)}/stream?tail=500`)
    source.onmessage = (event) => setEntries((before) => [...before, JSON.parse(event.data)].slice(-500))
    return () => source.close()
  }, [taskId])
  return (
    <section class="page">
      <h1>{shell.t.log.title(taskId)}</h1>
      <ol class="log">
        {entries.map((entry) => (
          <li key={entry.sequence}>{entry.message}</li>
        ))}
      </ol>
    </section>
  )
}
