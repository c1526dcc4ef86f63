import { useRef, useState } from 'preact/hooks'
import type { AlertRule, RuleList } from '../../data/alert-rules'
import { ALERTS, severityTone } from '../../data/alerts'
import { read } from '../../data/requests'
import { useResource } from '../../data/resource'
import { DataTable } from '../../parts/DataTable'
import { usePageKeys } from '../../parts/row-keys'
import { Empty } from '../../parts/State'
import { Time } from '../../parts/Time'
import { useTitle } from '../../parts/use-title'
import type { Shell } from '../../shell/contract'
import { alertRuleUrl } from '../../shell/routes'
import { conditionText } from './condition-text'
import { Frame, useIncidentUpdates } from './Frame'

const SHOWN_MAX = 500

/** The rules in use. */
export function Rules({ shell, query }: { shell: Shell; query: URLSearchParams }) {
  const t = shell.t.alerts
  const page = useRef<HTMLElement | null>(null)
  const [wanted, setWanted] = useState(query.get('search') ?? '')
  const found = useResource(
    'alert rules',
    (signal) => read<RuleList>(`${ALERTS}/rules`, { signal }),
    () => 10_000,
  )
  useIncidentUpdates(shell, found)
  useTitle(shell, `${t.rules} · ${t.title}`)
  usePageKeys(shell, page, { c: { label: t.keys.create, run: () => shell.navigate('/alerts/new-rule') } })
  const text = wanted.trim().toLowerCase()
  const rules = found.value?.rules ?? []
  const matching = rules.filter(({ name, description }) => `${name} ${description}`.toLowerCase().includes(text))
  return (
    <Frame
      shell={shell}
      part="rules"
      page={page}
      found={found}
      head={
        <search class="tools">
          <input
            type="search"
            data-search
            aria-label={t.findRule}
            placeholder={t.ruleHint}
            value={wanted}
            spellcheck={false}
            autocomplete="off"
            onInput={({ currentTarget }) => setWanted(currentTarget.value)}
          />
          <a class="button primary" href="/alerts/new-rule">
            {t.newRule}
          </a>
        </search>
      }
    >
      {matching.length === 0 ? (
        <Empty title={rules.length ? t.noMatch : t.noRules}>
          <p>{rules.length ? '' : t.noRulesText}</p>
        </Empty>
      ) : (
        <Table shell={shell} rules={matching.slice(0, SHOWN_MAX)} />
      )}
      {matching.length > SHOWN_MAX && (
        <p class="note">
          {shell.t.common.number(SHOWN_MAX)} / {shell.t.common.number(matching.length)}
        </p>
      )}
    </Frame>
  )
}

function Table({ shell, rules }: { shell: Shell; rules: readonly AlertRule[] }) {
  const t = shell.t.alerts
  return (
    <DataTable
      name="alert-rules"
      rows={rules}
      keyOf={({ name }) => name}
      columns={[
        {
          key: 'name',
          header: t.rule,
          isName: true,
          class: 'plain',
          cell: (rule) => <Title shell={shell} rule={rule} />,
        },
        {
          key: 'severity',
          header: t.severity,
          isWide: true,
          cell: ({ severity }) => (
            <span class="severity" data-tone={severityTone(severity)}>
              {severity}
            </span>
          ),
        },
        {
          key: 'source',
          header: t.source,
          isWide: true,
          class: 'soft cut',
          cell: ({ source }) => (source === 'file' ? t.file : source),
        },
        {
          key: 'open',
          header: t.openIncidents,
          isNumber: true,
          cell: ({ name, openIncidents }) =>
            openIncidents ? (
              <a class="count" href={`/alerts?${new URLSearchParams({ state: 'open', rule: name })}`}>
                {shell.t.common.number(openIncidents)}
              </a>
            ) : (
              <span class="faint">0</span>
            ),
        },
        {
          key: 'notified',
          header: t.lastNotified,
          isNumber: true,
          class: 'soft',
          cell: ({ notifiedAt }) => (notifiedAt ? <Time at={notifiedAt} /> : <span class="faint">{t.never}</span>),
        },
        {
          key: 'budget',
          header: t.budget,
          isNumber: true,
          isWide: true,
          cell: ({ notificationsLastHour: used, notificationsPerHour: most }) => (
            <span class={used >= most ? 'bad' : 'soft'} title={t.budgetHint(used, most)}>
              {t.budgetText(used, most)}
            </span>
          ),
        },
      ]}
    />
  )
}

function Title({ shell, rule }: { shell: Shell; rule: AlertRule }) {
  const text = conditionText(rule.rule, shell.t)
  return (
    <>
      <a href={alertRuleUrl(rule.name)} data-row>
        <bdi>{rule.name}</bdi>
      </a>
      <span class="soft cut" title={text}>
        <bdi>{text}</bdi>
      </span>
    </>
  )
}
