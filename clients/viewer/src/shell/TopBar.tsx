import { useRef } from 'preact/hooks'
import { chooseLanguage, chooseTheme, LANGUAGES, language, THEMES, theme, words } from './preferences'
import { navigate, route } from './router'
import { logUrl } from './routes'

const PAGES = [
  { name: 'tasks', url: '/', of: ['tasks', 'log', 'pipeline'] },
  { name: 'executions', url: '/executions', of: ['executions', 'execution'] },
  { name: 'automation', url: '/automation', of: ['automation', 'automationTask'] },
  { name: 'batchJobs', url: '/batch-jobs', of: ['batchJobs'] },
  { name: 'search', url: '/search', of: ['search'] },
] as const

const LANGUAGE_NAMES = { en: 'English', ko: '한국어' }

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
  const language_ = language.value
  const other = LANGUAGES.find((each) => each !== language_) ?? 'en'
  return (
    <header class="bar">
      <a class="skip" href="#content">
        {t.skip}
      </a>
      <a class="brand" href="/">
        <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
          <path d="M2 3h9M2 6.5h12M2 10h6M2 13.5h10" />
        </svg>
        {t.name}
      </a>
      <nav aria-label={t.pages}>
        {PAGES.map((page) => (
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
      <div class="switches">
        <button
          type="button"
          onClick={nextTheme}
          title={`${t.theme}: ${t.themes[theme.value]}`}
          aria-label={`${t.theme}: ${t.themes[theme.value]}`}
        >
          <ThemeMark />
        </button>
        <button type="button" onClick={() => chooseLanguage(other)} lang={other} title={LANGUAGE_NAMES[other]}>
          {other.toUpperCase()}
        </button>
        <button type="button" onClick={help} aria-label={t.help} title={`${t.help} (?)`}>
          ?
        </button>
      </div>
    </header>
  )
}

function ThemeMark() {
  const paths = {
    system: 'M8 1.5a6.5 6.5 0 1 0 0 13zM8 1.5a6.5 6.5 0 0 1 0 13',
    light: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1',
    dark: 'M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7z',
  }
  return (
    <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" data-mark={theme.value}>
      <path d={paths[theme.value]} />
    </svg>
  )
}
