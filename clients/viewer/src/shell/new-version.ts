// After an upgrade the gateway has other files: a page that was opened before cannot load what it has not loaded yet.

const PAUSE_MILLISECONDS = 60_000
const NAME = 'otto.reloaded'

/** Reloads where a part of the pages is gone, and once a minute at most: one that is missing for good is an error. */
export function followVersions(target: EventTarget, storage: Storage, reload: () => void): void {
  target.addEventListener('vite:preloadError', (event) => {
    try {
      if (Date.now() - Number(storage.getItem(NAME)) < PAUSE_MILLISECONDS) return
      storage.setItem(NAME, String(Date.now()))
    } catch {
      return // without storage nobody knows how often it was tried
    }
    event.preventDefault()
    reload()
  })
}
