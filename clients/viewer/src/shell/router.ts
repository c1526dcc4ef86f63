// The address bar as a signal, and links that change it without loading the page anew.
import { computed, signal } from '@preact/signals'
import { routeOf } from './routes'

const here = () => ({ path: location.pathname, query: new URLSearchParams(location.search) })

/** Path and query as they are in the address bar. */
export const address = signal(here())

/** The page that the address means. */
export const route = computed(() => routeOf(address.value.path, address.value.query))

/** What a step of the history keeps for the reader who comes back to it. */
interface Step {
  top?: number
  limit?: number
}

const step = (): Step => history.state ?? {}

/** Keeps something with the present step of the history. */
export function keep(more: Step): void {
  history.replaceState({ ...step(), ...more }, '')
}

/** What was kept with the present step. */
export function kept<K extends keyof Step>(name: K): Step[K] {
  return step()[name]
}

/** Goes to an address of this viewer. `replace`: without a step in the history. */
export function navigate(url: string, options: { replace?: boolean } = {}): void {
  const target = new URL(url, location.href)
  if (target.origin !== location.origin) return
  const was = location.pathname
  if (!options.replace) keep({ top: window.scrollY })
  history[options.replace ? 'replaceState' : 'pushState'](null, '', target)
  address.value = here()
  if (location.pathname !== was) window.scrollTo(0, 0)
}

/** Follows the browser's back and forward and plain clicks on links of this viewer. */
export function followAddress(): void {
  window.addEventListener('popstate', () => {
    address.value = here()
    // Behind the frame in which the page is drawn from what it had, see useResource.
    const top = kept('top') ?? 0
    requestAnimationFrame(() => requestAnimationFrame(() => window.scrollTo(0, top)))
  })
  document.addEventListener('click', (event) => {
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return
    if (routeOf(link.pathname, new URLSearchParams(link.search)).route.page === 'missing') return
    if (link.hash && link.pathname === location.pathname && link.search === location.search) return
    event.preventDefault()
    navigate(link.href)
  })
}
