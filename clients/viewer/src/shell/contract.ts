// What a page gets from the shell; the pages know nothing else of it.
import type { GatewayOptions } from 'otto-logs'
import type { Words } from '../words/words'
import type { Keys } from './keys'

export interface Shell {
  gateway: GatewayOptions
  /** Goes to a page of this viewer. `replace`: without a step in the history. */
  navigate(url: string, options?: { replace?: boolean }): void
  /** The dictionary of the language in use. */
  t: Words
  /** Says something to screen readers, at most once a second, the latest. */
  announce(text: string): void
  /** Shortcuts while a page is shown; the help sheet lists them. */
  keys: { register(keys: Keys): () => void }
  /** The browser's tab and the page's history name it; with a status, its mark is in front and on the icon. */
  title(text: string, status?: string): void
  /** Asks for a token after a 401 or 403; true once there is a new one, false when the reader declines. */
  signIn(reason: string): Promise<boolean>
}
