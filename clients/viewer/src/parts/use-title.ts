import { useEffect } from 'preact/hooks'
import type { Shell } from '../shell/contract'

/** Names the browser's tab while a page is shown. */
export function useTitle(shell: Shell, text: string): void {
  useEffect(() => shell.title(text), [shell, text])
}
