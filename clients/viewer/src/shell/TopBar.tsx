import { useRef } from 'preact/hooks'
import { usedPages } from '../data/used-pages'
import { Icon } from '../parts/icons'
import { chooseTheme, THEMES, theme, words } from './preferences'
import { navigate, route } from './router'
import { logUrl } from './routes'
import { SettingsMenu } from './SettingsMenu'

const PAGES = [
  { name: 'tasks', url: '/', of: ['tasks', 'log', 'pipeline'] },
  { name: 'executions', url: '/executions', of: ['executions', 'execution'] },
  { name: 'automation', url: '/automation', of: ['automation', 'automationTask'] },
  {
    name: 'alerts',
    url: '/alerts',
    of: ['alerts', 'incident', 'alertRules', 'alertRule', 'newAlertRule', 'alertTargets', 'maintenance'],
  },
  { name: 'batchJobs', url: '/batch-jobs', of: ['batchJobs'] },
  { name: 'search', url: '/search', of: ['search'] },
] as const

/** In the navigation where they are used, or looked at. */
const OPTIONAL = new Set<string>(['executions', 'automation', 'alerts'])

/** The theme after the one in use. */
export function nextTheme(): void {
  chooseTheme(THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'system')
}

export function TopBar({ help }: { help(): void }) {
  const t = words.value.shell
  const field = useRef<HTMLInputElement>(null)
  const here = route.value.route.page
  const open = (event: Event) => {
    event.preventDefault()
    const name = field.current?.value.trim()
    if (!name || !field.current) return
    field.current.value = ''
    navigate(logUrl(name))
  }
  const shown = PAGES.filter(
    ({ name, of }) => !OPTIONAL.has(name) || usedPages.value.has(name) || (of as readonly string[]).includes(here),
  )
  return (
    <header class="bar">
      <a class="skip" href="#content">
        {t.skip}
      </a>
      <a class="brand" href="/">
        <Icon name="logo" />
        {t.name}
      </a>
      <nav aria-label={t.pages}>
        {shown.map((page) => (
          <a
            key={page.name}
            href={page.url}
            aria-current={(page.of as readonly string[]).includes(here) ? 'page' : undefined}
          >
            {t[page.name]}
          </a>
        ))}
      </nav>
      <form class="open" onSubmit={open}>
        <input
          ref={field}
          id="open-task"
          aria-label={t.open}
          placeholder={t.openHint}
          maxLength={256}
          autocomplete="off"
          spellcheck={false}
        />
      </form>
      <div class="switches quiet">
        <SettingsMenu />
        <button type="button" onClick={help} aria-label={t.help} title={`${t.help} (?)`}>
          <Icon name="keyboard" />
        </button>
      </div>
    </header>
  )
}
