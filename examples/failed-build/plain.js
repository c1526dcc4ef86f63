// A build and, where it has failed, why; without a framework. `npm install otto-logs`
import { plain } from 'otto-logs/ansi'
import { createClient } from 'otto-logs/client'

const client = createClient({ url: '' })
const taskId = new URLSearchParams(location.search).get('task')
const main = document.body.appendChild(document.createElement('main'))

function add(parent, name, text = '') {
  const element = parent.appendChild(document.createElement(name))
  element.textContent = text
  return element
}

const title = add(main, 'h1', taskId)
const alert = add(main, 'section')
const list = add(main, 'ol')
const stream = client.log(taskId)

stream.on('entries', (entries) => {
  for (const entry of entries) add(list, 'li', plain(entry.message)).value = entry.sequence
})
stream.on('restart', () => list.replaceChildren())
stream.on('state', ({ kind }) => {
  title.textContent = `${taskId}: ${kind}`
})
stream.on('complete', async ({ status }) => {
  const { cause, reason } = await client.summary(taskId)
  title.textContent = `${taskId}: ${status}`
  if (!cause) return
  alert.role = 'alert'
  add(alert, 'h2', cause.headline)
  add(alert, 'p', `${reason}, first at line ${cause.firstSequence}`)
  add(alert, 'pre', cause.lines.join('\n'))
})
