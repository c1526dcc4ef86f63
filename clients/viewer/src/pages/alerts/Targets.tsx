import { useRef } from 'preact/hooks'
import type { RuleList } from '../../data/alert-rules'
import { ALERTS } from '../../data/alerts'
import { read } from '../../data/requests'
import { useResource } from '../../data/resource'
import { DataTable } from '../../parts/DataTable'
import { usePageKeys } from '../../parts/row-keys'
import { Empty } from '../../parts/State'
import { Time } from '../../parts/Time'
import { useTitle } from '../../parts/use-title'
import type { Shell } from '../../shell/contract'
import { Frame } from './Frame'
import { TestButton } from './TestButton'

interface Undelivered {
  id: number
  target: string
  title: string
  error: string
  attempts: number
  createdAt: string
}

/** Where notifications go, and those that were given up. */
export function Targets({ shell }: { shell: Shell }) {
  const t = shell.t.alerts
  const page = useRef<HTMLElement | null>(null)
  const found = useResource('alert rules', (signal) => read<RuleList>(`${ALERTS}/rules`, { signal }))
  useTitle(shell, `${t.targets} · ${t.title}`)
  usePageKeys(shell, page)
  const targets = found.value?.targets ?? []
  const rulesOf = (target: string) => found.value?.rules.filter(({ notify }) => notify.includes(target)).length ?? 0
  return (
    <Frame shell={shell} part="targets" page={page} found={found}>
      <p class="note">{t.targetsText}</p>
      {targets.length === 0 ? (
        <Empty title={t.noTargetsThere} />
      ) : (
        <DataTable
          name="alert-targets"
          rows={targets}
          keyOf={(target) => target}
          columns={[
            { key: 'target', header: t.target, isName: true, class: 'plain', cell: (target) => <bdi>{target}</bdi> },
            {
              key: 'rules',
              header: t.rules,
              isNumber: true,
              class: 'soft',
              cell: (target) => shell.t.common.number(rulesOf(target)),
            },
            {
              key: 'test',
              header: t.test,
              class: 'alerts-target',
              cell: (target) => <TestButton shell={shell} target={target} />,
            },
          ]}
        />
      )}
      <GivenUp shell={shell} />
    </Frame>
  )
}

function GivenUp({ shell }: { shell: Shell }) {
  const t = shell.t.alerts
  const found = useResource('undelivered', (signal) =>
    read<{ notifications: Undelivered[] }>(`${ALERTS}/undelivered`, { signal, isOptional: true }),
  )
  const mayNot = found.error?.status === 401 || found.error?.status === 403
  const rows = found.value?.notifications ?? []
  return (
    <section aria-labelledby="given-up">
      <h2 id="given-up">
        {t.undelivered} <small class="soft">{t.undeliveredText}</small>
      </h2>
      {found.error && (
        <p class={mayNot ? 'soft' : 'bad'} role={mayNot ? undefined : 'alert'}>
          {mayNot ? t.noPermission : found.error.message || shell.t.shell.unreachable}
        </p>
      )}
      {found.value && rows.length === 0 && <p class="soft">{t.undeliveredNone}</p>}
      {rows.length > 0 && (
        <DataTable
          name="undelivered"
          rows={rows}
          keyOf={({ id }) => id}
          columns={[
            { key: 'target', header: t.target, cell: ({ target }) => <bdi>{target}</bdi> },
            {
              key: 'title',
              header: t.notice,
              isName: true,
              class: 'plain',
              cell: ({ title, error }) => (
                <>
                  <bdi>{title}</bdi>
                  <span class="bad cut" title={error}>
                    <bdi>{error}</bdi>
                  </span>
                </>
              ),
            },
            {
              key: 'attempts',
              header: t.tries,
              isWide: true,
              class: 'soft',
              cell: ({ attempts }) => t.attempts(attempts),
            },
            {
              key: 'time',
              header: t.time,
              isNumber: true,
              class: 'soft',
              cell: ({ createdAt }) => <Time at={createdAt} as="clock" />,
            },
          ]}
        />
      )}
    </section>
  )
}
