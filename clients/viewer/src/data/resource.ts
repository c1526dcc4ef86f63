// What a page shows of an address: loaded, kept fresh while somebody looks, with the last good value beside an error.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { RequestError } from './requests'

export interface Resource<T> {
  value: T | undefined
  error: RequestError | undefined
  /** Loads again now. */
  reload(): void
}

/** What was loaded last of each key, for who comes back: shown at once, and loaded anew. */
const latestValues = new Map<string, unknown>()
const LATEST_MAX = 20

function remember(key: string, value: unknown): void {
  latestValues.delete(key)
  latestValues.set(key, value)
  if (latestValues.size > LATEST_MAX) latestValues.delete(latestValues.keys().next().value as string)
}

interface State<T> {
  key: string
  value?: T
  error?: RequestError
}

/**
 * @param key says what is loaded; another key is another thing, and forgets the value.
 * @param load loads it.
 * @param every milliseconds between loads while the page is visible; by the value, 0: not by itself.
 */
export function useResource<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  every: (value: T | undefined) => number = () => 0,
): Resource<T> {
  const [state, setState] = useState<State<T>>(() => ({ key, value: latestValues.get(key) as T | undefined }))
  const [count, setCount] = useState(0)
  const latest = useRef({ load, every })
  latest.current = { load, every }

  useEffect(() => {
    const request = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    let value: T | undefined
    let isDue = false
    const seen = () => {
      if (isDue && !document.hidden) void once()
    }
    const later = () => {
      const pause = latest.current.every(value)
      if (!request.signal.aborted && pause > 0) timer = setTimeout(once, pause)
    }
    const once = async () => {
      if (document.hidden) {
        isDue = true // nothing is loaded that nobody looks at, and at once when somebody does
        return
      }
      isDue = false
      try {
        value = await latest.current.load(request.signal)
        if (request.signal.aborted) return
        remember(key, value)
        setState({ key, value })
      } catch (error) {
        if (request.signal.aborted) return
        const told = error instanceof RequestError ? error : new RequestError(0, 'BROKEN', String(error))
        setState((before) => ({ key, value: before.key === key ? before.value : undefined, error: told }))
        if (told.status === 0) {
          timer = setTimeout(once, 3000)
          return
        }
        if (told.status < 500) return
      }
      later()
    }
    document.addEventListener('visibilitychange', seen)
    once()
    return () => {
      document.removeEventListener('visibilitychange', seen)
      request.abort()
      clearTimeout(timer)
    }
  }, [key, count])

  const reload = useCallback(() => setCount((before) => before + 1), [])
  return state.key === key
    ? { value: state.value, error: state.error, reload }
    : { value: undefined, error: undefined, reload }
}
