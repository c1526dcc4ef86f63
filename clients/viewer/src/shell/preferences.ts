// What a reader chose and the browser remembers: theme, language, shortcuts.
import { computed, effect, signal } from '@preact/signals'
import { en } from '../words/en'
import { ko } from '../words/ko'
import type { Words } from '../words/words'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]
export const LANGUAGES = ['en', 'ko'] as const
export type Language = (typeof LANGUAGES)[number]

// A browser may forbid storage; then a choice lasts as long as the page.
function remembered(name: string): string | null {
  try {
    return localStorage.getItem(name)
  } catch {
    return null
  }
}

function remember(name: string, value: string): void {
  try {
    localStorage.setItem(name, value)
  } catch {}
}

function oneOf<T extends string>(values: readonly T[], value: string | null, otherwise: T): T {
  return values.find((each) => each === value) ?? otherwise
}

/** The language of a browser that prefers these, in its order. */
export function languageOf(preferred: readonly string[]): Language {
  const known = preferred.map((tag) => tag.toLowerCase().split('-')[0]).find((tag) => tag === 'ko' || tag === 'en')
  return known === 'ko' ? 'ko' : 'en'
}

export const theme = signal<Theme>(oneOf(THEMES, remembered('otto.theme'), 'system'))
export const language = signal<Language>(
  oneOf(LANGUAGES, remembered('otto.language'), languageOf(navigator.languages ?? [])),
)
/** Whether a character alone is a shortcut; speech input and slips of the hand press such keys, too. */
export const hasCharacterKeys = signal(remembered('otto.keys') !== 'off')
export const words = computed<Words>(() => (language.value === 'ko' ? ko : en))

/** Puts both on the document, now and whenever they change. */
export function applyPreferences(): void {
  effect(() => {
    if (theme.value === 'system') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = theme.value
  })
  effect(() => {
    document.documentElement.lang = language.value
  })
}

export function chooseTheme(value: Theme): void {
  theme.value = value
  remember('otto.theme', value)
}

export function chooseCharacterKeys(value: boolean): void {
  hasCharacterKeys.value = value
  remember('otto.keys', value ? 'on' : 'off')
}

export function chooseLanguage(value: Language): void {
  language.value = value
  remember('otto.language', value)
}
