import type { ComponentChildren, RefObject } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { isOff } from '../../data/alerts'
import { listenTo } from '../../data/events'
import type { Resource } from '../../data/resource'
import { Empty, Failure, Loading } from '../../parts/State'
import type { Shell } from '../../shell/contract'
import './alerts.css'

const PARTS = [
  ['incidents', '/alerts'],
  ['rules', '/alerts/rules'],
  ['targets', '/alerts/targets'],
  ['maintenance', '/alerts/maintenance'],
] as const

export type Part = (typeof PARTS)[number][0]

/** What the pages of alerts have in common: the way between them, and what they say while there is nothing to show. */
export function Frame({
  shell,
  part,
  page,
  found,
  head,
  children,
}: {
  shell: Shell
  part: Part
  page: RefObject<HTMLElement | null>
  found: Resource<unknown>
  /** Beside the title. */
  head?: ComponentChildren
  children: ComponentChildren
}) {
  const t = shell.t.alerts
  const off = isOff(found.error)
  return (
    <section class="page alerts" ref={page}>
      <header class="page-head">
        <h1>{t.title}</h1>
        {!off && head}
      </header>
      {off ? (
        <Empty title={t.off}>
          <p>{t.offText}</p>
        </Empty>
      ) : (
        <>
          <nav class="tabs" aria-label={t.parts}>
            {PARTS.map(([name, url]) => (
              <a key={name} href={url} aria-current={name === part ? 'page' : undefined}>
                {t[name]}
              </a>
            ))}
          </nav>
          <States shell={shell} found={found} />
          {found.value !== undefined && children}
        </>
      )}
    </section>
  )
}

/** Loading, or what went wrong; nothing once there is something to show. */
export function States({ shell, found }: { shell: Shell; found: Resource<unknown> }) {
  const isThere = found.value !== undefined
  if (found.error) return <Failure shell={shell} error={found.error} isStrip={isThere} again={found.reload} />
  return isThere ? null : <Loading shell={shell} rows={5} />
}

const SETTLE_MILLISECONDS = 500

/** Reads again when an incident changes, at most twice a second. */
export function useIncidentUpdates(
  { gateway }: Shell,
  found: Resource<unknown>,
  isMeant: (id: number) => boolean = () => true,
): void {
  const latest = useRef({ found, isMeant })
  latest.current = { found, isMeant }
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const stop = listenTo(gateway, 'incident', ({ incidentId }) => {
      if (timer || !latest.current.isMeant(incidentId)) return
      timer = setTimeout(() => {
        timer = undefined
        latest.current.found.reload()
      }, SETTLE_MILLISECONDS)
    })
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [])
}
