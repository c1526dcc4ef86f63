import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'
import type { AlertRule, RuleList } from '../../data/alert-rules'
import { ALERTS, type Incident, incidentOf, MUTE_MINUTES, type Notification, stateOf } from '../../data/alerts'
import { change, read } from '../../data/requests'
import { useResource } from '../../data/resource'
import { duration } from '../../data/times'
import { DataTable } from '../../parts/DataTable'
import { Icon } from '../../parts/icons'
import { Menu } from '../../parts/Menu'
import { usePageKeys } from '../../parts/row-keys'
import { Empty } from '../../parts/State'
import { now, Time } from '../../parts/Time'
import { type Action, Outcome, useAction } from '../../parts/use-action'
import { useTitle } from '../../parts/use-title'
import type { Shell } from '../../shell/contract'
import { alertRuleUrl } from '../../shell/routes'
import { conditionText } from './condition-text'
import { Excerpts } from './Excerpts'
import { States, useIncidentUpdates } from './Frame'
import { IncidentBadge } from './IncidentBadge'

const COUNTS_ON_MILLISECONDS = 3000
const OVER_MILLISECONDS = 15_000

/** One incident: what was found, where, who was notified, and what can be done about it. */
export function IncidentPage({ shell, incidentId }: { shell: Shell; incidentId: string }) {
  const t = shell.t.alerts
  const page = useRef<HTMLElement | null>(null)
  const every = (incident: Incident | null | undefined) =>
    incident && !incident.isOpen ? OVER_MILLISECONDS : COUNTS_ON_MILLISECONDS
  const found = useResource(`incident ${incidentId}`, (signal) => incidentOf(incidentId, signal), every)
  const incident = found.value
  const rules = useResource('alert rules', (signal) => read<RuleList>(`${ALERTS}/rules`, { signal, isOptional: true }))
    .value?.rules
  const rule = rules?.find(({ name }) => name === incident?.rule)
  const action = useAction(shell)
  useIncidentUpdates(shell, found, (id) => String(id) === incidentId)
  useTitle(shell, incident ? `${incident.rule} · ${t.title}` : t.title)
  const does = async (verb: string, body: object, text: string) => {
    await action.act(async () => {
      await change('POST', `${ALERTS}/incidents/${encodeURIComponent(incidentId)}/${verb}`, body)
      return text
    })
    found.reload()
  }
  const resolve = () => void does('resolve', {}, t.resolvedNow)
  const mute = (minutes: number) => void does('mute', { minutes }, minutes ? t.mutedNow(minutes) : t.unmutedNow)
  const mayResolve = useRef(() => {})
  mayResolve.current = () => incident?.isOpen && !action.isBusy && resolve()
  usePageKeys(shell, page, { r: { label: t.keys.resolve, run: () => mayResolve.current() } })
  return (
    <section class="page alerts" ref={page}>
      <header class="page-head">
        <nav class="trail">
          <a href="/alerts">{t.back}</a>
        </nav>
        <h1>
          <bdi>{incident?.rule ?? t.incident}</bdi>
        </h1>
        {incident && (
          <>
            <p class="sum">
              <IncidentBadge shell={shell} incident={incident} severity={rule?.severity} isPill />
              <span>{shell.t.common.lines(incident.count)}</span>
              <bdi>{incident.key === '*' ? t.allTasks : incident.key}</bdi>
            </p>
            {incident.isOpen && (
              <Tools shell={shell} incident={incident} action={action} resolve={resolve} mute={mute} />
            )}
          </>
        )}
      </header>
      <Outcome shell={shell} action={action} />
      <States shell={shell} found={found} />
      {incident === null && (
        <Empty title={t.missing}>
          <p>{t.missingText}</p>
        </Empty>
      )}
      {incident && (
        <>
          <Facts shell={shell} incident={incident} rule={rule} />
          <section aria-labelledby="lines">
            <h2 id="lines">
              {t.samples} <small class="soft">{t.samplesOf(incident.lines.length, incident.count)}</small>
            </h2>
            <Excerpts shell={shell} lines={incident.lines} />
          </section>
          <Notifications shell={shell} incident={incident} rule={rule} />
        </>
      )}
    </section>
  )
}

function Tools({
  shell,
  incident,
  action,
  resolve,
  mute,
}: {
  shell: Shell
  incident: Incident
  action: Action
  resolve(): void
  mute(minutes: number): void
}) {
  const t = shell.t.alerts
  const isMuted = stateOf(incident, now.value) === 'muted'
  const choose = (event: MouseEvent, minutes: number) => {
    ;(event.currentTarget as Element).closest<HTMLElement>('[popover]')?.hidePopover()
    mute(minutes)
  }
  return (
    <div class="tools">
      {isMuted && (
        <button type="button" disabled={action.isBusy} onClick={() => mute(0)}>
          {t.unmute}
        </button>
      )}
      <Menu label={t.muteFor} icon="muted" text={t.mute}>
        {MUTE_MINUTES.map((minutes) => (
          <button key={minutes} type="button" onClick={(event) => choose(event, minutes)}>
            {t.minutes(minutes)}
          </button>
        ))}
      </Menu>
      <button type="button" class="primary" disabled={action.isBusy} onClick={resolve}>
        {t.resolve}
      </button>
    </div>
  )
}

function Facts({ shell, incident, rule }: { shell: Shell; incident: Incident; rule: AlertRule | undefined }) {
  const t = shell.t.alerts
  const took = Date.parse(incident.lastAt) - Date.parse(incident.firstAt)
  const isMuted = stateOf(incident, now.value) === 'muted'
  const { resolution } = incident
  return (
    <div class="columns incident-facts">
      <dl class="facts">
        <Fact name={t.rule}>
          <a href={alertRuleUrl(incident.rule)}>
            <bdi>{incident.rule}</bdi>
          </a>
        </Fact>
        {rule && <Fact name={t.condition}>{conditionText(rule.rule, shell.t)}</Fact>}
        {rule?.severity && <Fact name={t.severity}>{rule.severity}</Fact>}
        {rule?.description && <Fact name={t.fields.description}>{rule.description}</Fact>}
        {isMuted && (
          <Fact name={t.mutedUntil}>
            <Time at={incident.mutedUntil} as="clock" /> {incident.mutedBy && t.by(incident.mutedBy)}
          </Fact>
        )}
        {resolution && (
          <Fact name={t.resolvedAt}>
            <Time at={incident.resolvedAt} as="clock" />, {t.resolutions[resolution] ?? resolution}
            {incident.resolvedBy && `, ${t.by(incident.resolvedBy)}`}
          </Fact>
        )}
      </dl>
      <dl class="facts">
        <Fact name={t.openedAt}>
          <Time at={incident.openedAt} as="clock" />
        </Fact>
        <Fact name={t.firstLine}>
          <Time at={incident.firstAt} as="clock" />
        </Fact>
        <Fact name={t.lastLine}>
          <Time at={incident.lastAt} as="clock" />
        </Fact>
        {took > 0 && <Fact name={t.ofTime}>{duration(took)}</Fact>}
      </dl>
    </div>
  )
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

const TONES: Record<string, [tone: string, icon: 'good' | 'bad' | 'warn']> = {
  delivered: ['good', 'good'],
  waiting: ['warn', 'warn'],
  given_up: ['bad', 'bad'],
}

function Notifications({ shell, incident, rule }: { shell: Shell; incident: Incident; rule: AlertRule | undefined }) {
  const t = shell.t.alerts
  const path = `${ALERTS}/incidents/${incident.id}/notifications`
  const found = useResource(
    `${path} ${incident.notifications}`,
    (signal) => read<{ notifications: Notification[] }>(path, { signal, isOptional: true }),
    (value) => (value?.notifications.some(({ outcome }) => outcome === 'waiting') ? 3000 : 15_000),
  )
  const sent = found.value?.notifications ?? []
  return (
    <section aria-labelledby="notifications">
      <h2 id="notifications">{t.notifications}</h2>
      {found.value && sent.length === 0 && (
        <p class="soft">{rule && rule.notify.length === 0 ? t.noTargets : t.noNotifications}</p>
      )}
      {sent.length > 0 && (
        <DataTable
          name="notifications"
          rows={sent}
          keyOf={({ outcome, at, target, notice }) => [outcome, at, target, notice].join()}
          columns={[
            { key: 'outcome', header: t.outcome, cell: ({ outcome }) => <OutcomeOf shell={shell} outcome={outcome} /> },
            {
              key: 'target',
              header: t.target,
              isName: true,
              class: 'plain',
              cell: ({ target, error }) => (
                <>
                  <bdi>{target}</bdi>
                  {error && (
                    <span class="bad cut" title={error}>
                      <bdi>{error}</bdi>
                    </span>
                  )}
                </>
              ),
            },
            { key: 'notice', header: t.notice, cell: ({ notice }) => t.notices[notice] ?? notice },
            {
              key: 'attempts',
              header: t.tries,
              isWide: true,
              class: 'soft',
              cell: ({ attempts }) => (attempts ? t.attempts(attempts) : ''),
            },
            {
              key: 'time',
              header: t.time,
              isNumber: true,
              class: 'soft',
              cell: ({ at }) => <Time at={at} as="clock" />,
            },
          ]}
        />
      )}
    </section>
  )
}

function OutcomeOf({ shell, outcome }: { shell: Shell; outcome: string }) {
  const [tone, icon] = TONES[outcome] ?? ['idle', 'good']
  return (
    <span class="status" data-tone={tone}>
      <Icon name={icon} size={14} />
      <span class="status-word">{shell.t.alerts.outcomes[outcome] ?? outcome}</span>
    </span>
  )
}
