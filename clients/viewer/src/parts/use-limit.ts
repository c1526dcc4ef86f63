import { useState } from 'preact/hooks'
import { keep, kept } from '../shell/router'

/** How many rows a list shows, and what shows `page` more; who comes back to the list finds it as long as it was. */
export function useLimit(page: number): [limit: number, more: () => void] {
  const [limit, setLimit] = useState(kept('limit') ?? page)
  const more = () => {
    keep({ limit: limit + page })
    setLimit(limit + page)
  }
  return [limit, more]
}
