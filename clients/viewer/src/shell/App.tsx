import { lazy, Suspense } from 'preact/compat'
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { Tasks } from '../pages/Tasks'
import { favicon } from '../parts/icons'
import { characterOf, colourOf } from '../parts/StatusBadge'
import { announce, spoken } from './announcements'
import { Boundary } from './Boundary'
import type { Shell } from './contract'
import { HelpSheet } from './HelpSheet'
import { register } from './keys'
import { words } from './preferences'
import { address, navigate, route } from './router'
import type { Route } from './routes'
import { SignIn } from './SignIn'
import { gateway, prompt, signIn } from './session'
import { nextTheme, TopBar } from './TopBar'

const LogPage = lazy(() => import('../log').then((log) => log.LogPage))
const Executions = lazy(() => import('../pages/Executions').then((page) => page.Executions))
const Execution = lazy(() => import('../pages/Execution').then((page) => page.Execution))
const Automation = lazy(() => import('../pages/Automation').then((page) => page.Automation))
const AutomationTask = lazy(() => import('../pages/AutomationTask').then((page) => page.AutomationTask))
const BatchJobs = lazy(() => import('../pages/BatchJobs').then((page) => page.BatchJobs))
const Incidents = lazy(() => import('../pages/alerts/Incidents').then((page) => page.Incidents))
const Incident = lazy(() => import('../pages/alerts/Incident').then((page) => page.IncidentPage))
const AlertRules = lazy(() => import('../pages/alerts/Rules').then((page) => page.Rules))
const AlertRule = lazy(() => import('../pages/alerts/Rule').then((page) => page.Rule))
const AlertTargets = lazy(() => import('../pages/alerts/Targets').then((page) => page.Targets))
const Maintenance = lazy(() => import('../pages/alerts/Maintenance').then((page) => page.Maintenance))
const Search = lazy(() => import('../pages/Search').then((page) => page.Search))
const Pipeline = lazy(() => import('../pages/Pipeline').then((page) => page.Pipeline))

export function App() {
  const t = words.value
  const { route: here, redirect } = route.value
  const [isHelping, setHelping] = useState(false)
  const content = useRef<HTMLElement>(null)
  useEffect(() => {
    if (redirect) navigate(redirect, { replace: true })
  }, [redirect])
  useKeys(() => setHelping(true))
  const path = address.value.path
  useFocusOn(content, path)
  const shell = useMemo<Shell>(
    () => ({
      gateway,
      navigate,
      t,
      announce,
      keys: { register: (keys) => register(keys) },
      title: (text, status) => {
        const named = text ? `${text} · ${t.shell.name}` : t.shell.name
        document.title = status ? `${characterOf(status)} ${named}` : named
        document.querySelector('link[rel=icon]')?.setAttribute('href', favicon(status ? colourOf(status) : null))
      },
      signIn,
    }),
    [t],
  )
  return (
    <>
      <TopBar help={() => setHelping(true)} />
      <main id="content" tabIndex={-1} ref={content} data-page={here.page}>
        <Boundary key={path}>
          <Suspense
            fallback={
              <p class="state" role="status">
                {t.shell.loading}
              </p>
            }
          >
            <Page here={here} shell={shell} query={address.value.query} />
          </Suspense>
        </Boundary>
      </main>
      <div class="heard-only" role="status" aria-live="polite" id="spoken">
        {spoken}
      </div>
      {isHelping && <HelpSheet close={() => setHelping(false)} />}
      {prompt.value !== null && <SignIn />}
    </>
  )
}

function Page({ here, shell, query }: { here: Route; shell: Shell; query: URLSearchParams }) {
  switch (here.page) {
    case 'tasks':
      return <Tasks shell={shell} query={query} />
    case 'log':
      return <LogPage key={here.taskId} taskId={here.taskId} query={query} shell={shell} />
    case 'pipeline':
      return <Pipeline shell={shell} pipelineId={here.pipelineId} />
    case 'executions':
      return <Executions shell={shell} query={query} />
    case 'execution':
      return <Execution key={here.executionId} shell={shell} executionId={here.executionId} />
    case 'automation':
      return <Automation shell={shell} query={query} />
    case 'automationTask':
      return <AutomationTask key={here.taskId} shell={shell} taskId={here.taskId} />
    case 'batchJobs':
      return <BatchJobs shell={shell} query={query} />
    case 'alerts':
      return <Incidents shell={shell} query={query} />
    case 'incident':
      return <Incident key={here.incidentId} shell={shell} incidentId={here.incidentId} />
    case 'alertRules':
      return <AlertRules shell={shell} query={query} />
    case 'alertRule':
      return <AlertRule key={here.name} shell={shell} name={here.name} />
    case 'newAlertRule':
      return <AlertRule key="" shell={shell} name="" />
    case 'alertTargets':
      return <AlertTargets shell={shell} />
    case 'maintenance':
      return <Maintenance shell={shell} />
    case 'search':
      return <Search shell={shell} query={query} />
    case 'missing':
      return (
        <div class="state">
          <h1>{shell.t.shell.missing}</h1>
          <p>{shell.t.shell.missingText}</p>
          <p class="actions">
            <a href="/">{shell.t.shell.backToTasks}</a>
          </p>
        </div>
      )
  }
}

function useKeys(help: () => void) {
  const t = words.value.shell
  // Before anything is painted: whoever sees the page may press a key.
  useLayoutEffect(
    () =>
      register(
        {
          'g t': { label: t.goTo(t.tasks), run: () => navigate('/') },
          'g e': { label: t.goTo(t.executions), run: () => navigate('/executions') },
          'g a': { label: t.goTo(t.automation), run: () => navigate('/automation') },
          'g b': { label: t.goTo(t.batchJobs), run: () => navigate('/batch-jobs') },
          'g i': { label: t.goTo(t.alerts), run: () => navigate('/alerts') },
          'g s': { label: t.goTo(t.search), run: () => navigate('/search') },
          'g o': { label: t.open, run: () => document.getElementById('open-task')?.focus() },
          'Shift+D': { label: t.toggleTheme, run: nextTheme },
          '?': { label: t.help, run: help },
        },
        t.everywhere,
      ),
    [t],
  )
}

// Whoever does not see that the page has changed starts at its beginning; the first page is left to the browser.
function useFocusOn(content: { current: HTMLElement | null }, path: string) {
  const before = useRef(path)
  useEffect(() => {
    if (before.current === path) return
    before.current = path
    if (!content.current?.contains(document.activeElement)) content.current?.focus({ preventScroll: true })
  }, [path])
}
