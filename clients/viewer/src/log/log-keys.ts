import type { Key, Keys } from '../shell/keys'
import type { Words } from '../words/words'
import { SEVERE } from './filter'
import type { LogController } from './log-controller'

/** The log page's shortcuts. */
export function keysOf(
  log: LogController,
  t: Words['log']['keys'],
  searchField: () => HTMLElement | null,
  filterField: () => HTMLElement | null,
): Keys {
  // The browser finds only what is on screen; who presses it again wants that.
  const find: Key = {
    label: t.search,
    inFields: true,
    run: () => {
      const field = searchField()
      if (!field || field === document.activeElement) return false
      field.focus()
      return true
    },
  }
  return {
    '/': { label: t.search, run: () => searchField()?.focus() },
    'Control+f': find,
    'Meta+f': find,
    n: { label: t.next, run: () => void log.go.toNext(true) },
    p: { label: t.previous, run: () => void log.go.toNext(false) },
    'Shift+N': { label: t.previous, run: () => void log.go.toNext(false) },
    j: { label: t.down, run: () => log.go.move(1) },
    k: { label: t.up, run: () => log.go.move(-1) },
    'Shift+J': { label: t.extendDown, run: () => log.go.move(1, true) },
    'Shift+K': { label: t.extendUp, run: () => log.go.move(-1, true) },
    'g g': { label: t.start, run: () => log.go.toStart() },
    'Shift+G': { label: t.end, run: () => log.go.toEnd() },
    e: { label: t.nextError, run: () => void log.go.toLevel(SEVERE, true) },
    'Shift+E': { label: t.previousError, run: () => void log.go.toLevel(SEVERE, false) },
    f: { label: t.follow, run: () => log.go.toggleFollow() },
    i: { label: t.detail, run: () => log.detail(null) },
    w: { label: t.wrap, run: () => log.change({ isWrapped: !log.view.value.isWrapped }) },
    t: { label: t.time, run: () => log.nextTime() },
    o: { label: t.fold, run: () => log.toggleFold(null) },
    'Shift+O': { label: t.foldAll, run: () => log.foldAll() },
    x: { label: t.choose, run: () => log.chooseActive() },
    c: { label: t.copy, run: () => void log.copy() },
    y: { label: t.link, run: () => void log.copyLink() },
    '+': { label: t.filter, run: () => filterField()?.focus() },
    Escape: { label: t.clear, run: () => log.clear(), inFields: true },
  }
}
