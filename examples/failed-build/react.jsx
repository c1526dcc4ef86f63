// A build and, where it has failed, why. `npm install otto-logs react react-dom`
import { createClient } from 'otto-logs/client'
import { useLog } from 'otto-logs/react'
import { useEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'

const client = createClient({ url: '' })

function Cause({ taskId, isOver }) {
  const [summary, setSummary] = useState(null)
  useEffect(() => {
    if (isOver) client.summary(taskId).then(setSummary, console.error)
  }, [taskId, isOver])
  if (!summary?.cause) return null
  return (
    <section role="alert">
      <h2>{summary.cause.headline}</h2>
      <p>{summary.reason}, first at line {summary.cause.firstSequence}</p>
      <pre>{summary.cause.lines.join('\n')}</pre>
    </section>
  )
}

function Build({ taskId }) {
  const log = useLog({ ...client.options, taskId })
  return (
    <main>
      <h1>{taskId}: {log.complete?.status ?? log.state.kind}</h1>
      <Cause taskId={taskId} isOver={log.complete !== null} />
      {log.error && <p>{log.error.message} <button type="button" onClick={log.reconnect}>Try again</button></p>}
      {log.hasOlder && <button type="button" onClick={log.loadOlder}>Older lines</button>}
      <ol>{log.entries.map((entry) => <li key={entry.sequence} value={entry.sequence}>{entry.message}</li>)}</ol>
    </main>
  )
}

const taskId = new URLSearchParams(location.search).get('task')
createRoot(document.body.appendChild(document.createElement('div'))).render(<Build taskId={taskId} />)
