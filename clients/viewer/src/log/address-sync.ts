/** The view in the address: written a moment after it changed, read where the address changed by other means. */
import type { Shell } from '../shell/contract'
import { type ViewState, viewQuery, viewState } from './view-state'

const ADDRESS_MILLISECONDS = 200

export class AddressSync {
  #query: URLSearchParams
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(query: URLSearchParams) {
    this.#query = query
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  later(view: () => ViewState, shell: () => Shell): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.write(view(), shell()), ADDRESS_MILLISECONDS)
  }

  write(view: ViewState, shell: Shell): void {
    const query = viewQuery(view, this.#query)
    this.#query = query
    const text = `${location.pathname}${query.size ? `?${query}` : ''}`
    if (text !== location.pathname + location.search) shell.navigate(text, { replace: true })
  }

  /** The view that another address asks for; null where it is the one that is shown. */
  read(query: URLSearchParams, view: ViewState): ViewState | null {
    const isKnown =
      query.toString() === this.#query.toString() ||
      viewQuery(view, query).toString() === viewQuery(viewState(query), query).toString()
    this.#query = query
    return isKnown ? null : viewState(query)
  }
}
