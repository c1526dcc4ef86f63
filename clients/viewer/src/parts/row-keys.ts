// j and k through the rows of a page: what is focused are the rows' own links and buttons.
import type { RefObject } from 'preact'
import { useLayoutEffect } from 'preact/hooks'
import type { Shell } from '../shell/contract'
import type { Keys } from '../shell/keys'

/** Registers `j`, `k`, `/` and more keys while a page is shown. Rows are `[data-row]`, the field is `[data-search]`. */
export function usePageKeys(shell: Shell, page: RefObject<HTMLElement | null>, more: Keys = {}): void {
  useLayoutEffect(() => {
    const go = (step: number) => {
      const rows = [...(page.current?.querySelectorAll<HTMLElement>('[data-row]') ?? [])]
      const at = rows.indexOf(document.activeElement as HTMLElement)
      const next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, at + step))]
      next?.focus()
      next?.scrollIntoView({ block: 'nearest' })
    }
    const field = page.current?.querySelector<HTMLInputElement>('[data-search]')
    return shell.keys.register({
      j: { label: shell.t.common.nextRow, run: () => go(1) },
      k: { label: shell.t.common.previousRow, run: () => go(-1) },
      ...(field && { '/': { label: shell.t.common.toSearch, run: () => field.select() } }),
      ...more,
    })
  }, [shell])
}
