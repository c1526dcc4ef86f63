import { useRef, useState } from 'preact/hooks'
import type { MaintenanceWindow } from '../../data/alert-windows'
import { ALERTS } from '../../data/alerts'
import { change, read } from '../../data/requests'
import { useResource } from '../../data/resource'
import { Confirm } from '../../parts/Confirm'
import { DataTable } from '../../parts/DataTable'
import { usePageKeys } from '../../parts/row-keys'
import { Empty } from '../../parts/State'
import { Time } from '../../parts/Time'
import { Outcome, useAction } from '../../parts/use-action'
import { useTitle } from '../../parts/use-title'
import type { Shell } from '../../shell/contract'
import { Frame } from './Frame'
import { WindowForm } from './WindowForm'

/** Times at which incidents are counted and nobody is notified. */
export function Maintenance({ shell }: { shell: Shell }) {
  const t = shell.t.alerts
  const page = useRef<HTMLElement | null>(null)
  const path = `${ALERTS}/maintenance`
  const found = useResource(
    'maintenance',
    (signal) => read<{ windows: MaintenanceWindow[] }>(path, { signal }),
    () => 10_000,
  )
  const [isCreating, setCreating] = useState(false)
  const [removed, setRemoved] = useState('')
  const action = useAction(shell)
  useTitle(shell, `${t.windows} · ${t.title}`)
  usePageKeys(shell, page, { c: { label: t.newWindow, run: () => setCreating(true) } })
  const windows = found.value?.windows ?? []
  const remove = () => {
    setRemoved('')
    void action
      .act(async () => {
        await change('DELETE', `${path}/${encodeURIComponent(removed)}`)
        return t.removed
      })
      .then(found.reload)
  }
  return (
    <Frame
      shell={shell}
      part="maintenance"
      page={page}
      found={found}
      head={
        <div class="tools">
          <button type="button" class="primary" onClick={() => setCreating(true)}>
            {t.newWindow}
          </button>
        </div>
      }
    >
      <p class="note">{t.windowsText}</p>
      <Outcome shell={shell} action={action} />
      {windows.length === 0 ? (
        <Empty title={t.noWindows} />
      ) : (
        <Table shell={shell} windows={windows} remove={setRemoved} />
      )}
      {isCreating && (
        <WindowForm
          shell={shell}
          close={() => setCreating(false)}
          saved={() => {
            setCreating(false)
            shell.announce(t.windowSaved)
            found.reload()
          }}
        />
      )}
      {removed && (
        <Confirm shell={shell} action={t.remove} close={() => setRemoved('')} confirm={remove}>
          {t.removeWindowSure(removed)}
        </Confirm>
      )}
    </Frame>
  )
}

function Table({
  shell,
  windows,
  remove,
}: {
  shell: Shell
  windows: readonly MaintenanceWindow[]
  remove(name: string): void
}) {
  const t = shell.t.alerts
  const names = (list: readonly string[]) => (list.includes('*') ? shell.t.common.all : list.join(', '))
  return (
    <DataTable
      name="windows"
      rows={windows}
      keyOf={({ name }) => name}
      columns={[
        {
          key: 'window',
          header: t.window,
          isName: true,
          class: 'plain',
          cell: ({ name, description }) => (
            <>
              <bdi>{name}</bdi>
              {description && (
                <span class="soft cut" title={description}>
                  <bdi>{description}</bdi>
                </span>
              )}
            </>
          ),
        },
        {
          key: 'active',
          header: t.state,
          cell: ({ isActive }) => (
            <b data-tone={isActive ? 'busy' : undefined}>{isActive ? t.windowActive : t.windowNotActive}</b>
          ),
        },
        {
          key: 'time',
          header: t.windowTime,
          class: 'soft',
          cell: ({ weekly, start, end }) =>
            weekly ?? (
              <>
                <Time at={start} as="clock" /> – <Time at={end} as="clock" />
              </>
            ),
        },
        { key: 'rules', header: t.rules, isWide: true, class: 'soft cut', cell: ({ rules }) => names(rules) },
        {
          key: 'tasks',
          header: t.windowFields.tasks,
          isWide: true,
          class: 'soft cut',
          cell: ({ tasks }) => names(tasks),
        },
        {
          key: 'source',
          header: t.source,
          isNumber: true,
          cell: ({ name, source }) =>
            source === 'file' ? (
              <span class="soft">{t.file}</span>
            ) : (
              <button type="button" class="danger" aria-label={`${t.remove}: ${name}`} onClick={() => remove(name)}>
                {t.remove}
              </button>
            ),
        },
      ]}
    />
  )
}
