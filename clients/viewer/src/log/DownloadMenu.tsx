import { useState } from 'preact/hooks'
import { open } from '../data/requests'
import { Menu } from '../parts/Menu'
import type { Words } from '../words/words'
import type { LogController } from './log-controller'
import { withoutColours } from './plain-download'

/** Files of the lines that pass the filter: as they are, without colours, or with all their fields. */
export function DownloadMenu({ log, taskId, t }: { log: LogController; taskId: string; t: Words['log'] }) {
  const [isBusy, setBusy] = useState(false)
  const { filter } = log.view.value
  const plain = async () => {
    setBusy(true)
    try {
      const answer = await open(log.model.downloadUrl('text', filter))
      save(await withoutColours(answer), `${taskId}.log`)
    } catch {
      log.say(t.notDownloaded)
    }
    setBusy(false)
  }
  return (
    <Menu label={t.download} icon="download">
      <a href={log.model.downloadUrl('text', filter)} download="">
        {t.downloads.text}
      </a>
      <button type="button" disabled={isBusy} onClick={() => void plain()}>
        {t.downloads.plain}
      </button>
      <a href={log.model.downloadUrl('ndjson', filter)} download="">
        {t.downloads.ndjson}
      </a>
    </Menu>
  )
}

function save(content: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(content)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}
