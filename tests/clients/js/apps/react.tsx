// A page as somebody would write it: a live log with a choice of lines, and the stages of a pipeline.
import { StrictMode, useLayoutEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { usePipelineProgress, useLogStream } from 'otto-logs/react.ts'

// Lines that a commit showed for another task.
const mixed = Object.assign(window, { mixed: { lines: 0 } }).mixed

function Log({ taskId }: { taskId: string }) {
  const [errors, setErrors] = useState(false)
  const { entries, state, error } = useLogStream({ url: '', taskId, filter: errors ? { keywords: ['error'] } : {} })
  useLayoutEffect(() => {
    mixed.lines += entries.filter((entry) => entry.taskId !== taskId).length
  })
  return (
    <section>
      <button type="button" onClick={() => setErrors(!errors)}>Errors</button>
      <p id="state">{error?.code ?? state.kind}</p>
      <ol>{entries.map((entry) => <li key={entry.sequence}>{entry.message}</li>)}</ol>
    </section>
  )
}

function App() {
  const [taskId, setTaskId] = useState('build')
  const { stages } = usePipelineProgress({ url: '', pipelineId: 'nightly' })
  return (
    <>
      <button type="button" onClick={() => setTaskId('other')}>Other</button>
      <Log taskId={taskId} />
      <ul>{stages.map((stage) => <li key={stage.stageId}>{stage.stageId}: {stage.progressPercentage}</li>)}</ul>
    </>
  )
}

const place = document.body.appendChild(document.createElement('main'))
createRoot(place).render(<StrictMode><App /></StrictMode>)
