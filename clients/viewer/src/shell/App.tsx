import { lazy, Suspense } from 'preact/compat'
import { useEffect, useMemo } from 'preact/hooks'
import { announce, spoken } from './announcements'
import type { Shell } from './contract'
import { register } from './keys'
import { words } from './preferences'
import { address, navigate, route } from './router'
import { gateway, signIn } from './session'

const LogPage = lazy(() => import('../log').then((log) => log.LogPage))

export function App() {
  const t = words.value
  const { route: here, redirect } = route.value
  useEffect(() => {
    if (redirect) navigate(redirect, { replace: true })
  }, [redirect])
  const shell = useMemo<Shell>(
    () => ({
      gateway,
      navigate,
      t,
      announce,
      keys: { register: (keys) => register(keys) },
      title: (text) => {
        document.title = text ? `${text} · ${t.shell.name}` : t.shell.name
      },
      signIn,
    }),
    [t],
  )
  return (
    <>
      <main id="content" tabIndex={-1}>
        <Suspense fallback={<p class="state">{t.shell.loading}</p>}>
          {here.page === 'log' && (
            <LogPage key={here.taskId} taskId={here.taskId} query={address.value.query} shell={shell} />
          )}
        </Suspense>
      </main>
      <div class="heard-only" role="status" aria-live="polite">
        {spoken}
      </div>
    </>
  )
}
