// What a reader chose and the browser remembers: theme, language, shortcuts.
import { computed, effect, signal } from '@preact/signals'
import { en } from '../words/en'
import { ko } from '../words/ko'
import type { Words } from '../words/words'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]
export const LANGUAGES = ['en', 'ko'] as const
export type Language = (typeof LANGUAGES)[number]
export const DENSITIES = ['compact', 'normal', 'roomy'] as const
export type Density = (typeof DENSITIES)[number]

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

/** A zone as the browser names it; null where it knows none of that name. */
export function knownZone(name: string | null): string | null {
  if (!name) return name
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone
  } catch {
    return null
  }
}

export const theme = signal<Theme>(oneOf(THEMES, remembered('otto.theme'), 'system'))
export const language = signal<Language>(
  oneOf(LANGUAGES, remembered('otto.language'), languageOf(globalThis.navigator?.languages ?? [])),
)
/** Whether a character alone is a shortcut; speech input and slips of the hand press such keys, too. */
export const hasCharacterKeys = signal(remembered('otto.keys') !== 'off')
export const density = signal<Density>(oneOf(DENSITIES, remembered('otto.density'), 'normal'))
/** Where files of lines lead to, with `{file}` and `{line}` in it; '': nowhere. */
export const repository = signal(remembered('otto.repository') ?? '')
/** The time zone of all times: '' is the browser's own. */
export const timeZone = signal(knownZone(remembered('otto.zone')) ?? '')
export const words = computed<Words>(() => (language.value === 'ko' ? ko : en))

/** Puts them on the document, now and whenever they change. */
export function applyPreferences(): void {
  effect(() => {
    if (theme.value === 'system') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = theme.value
  })
  effect(() => {
    document.documentElement.lang = language.value
  })
  effect(() => {
    document.documentElement.dataset.density = density.value
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

export function chooseDensity(value: Density): void {
  density.value = value
  remember('otto.density', value)
}

export function chooseRepository(value: string): void {
  repository.value = value.trim()
  remember('otto.repository', value.trim())
}

/** Tell times in a zone; false where the browser knows none of that name. */
export function chooseTimeZone(value: string): boolean {
  const zone = knownZone(value.trim())
  if (zone === null) return false
  timeZone.value = zone
  remember('otto.zone', zone)
  return true
}
