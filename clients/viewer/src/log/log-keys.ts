import type { Keys } from '../shell/keys'
import type { Words } from '../words/words'
import type { LogController } from './log-controller'

/** The log page's shortcuts. */
export function keysOf(
  log: LogController,
  t: Words['log']['keys'],
  searchField: () => HTMLElement | null,
  filterField: () => HTMLElement | null,
): Keys {
  return {
    '/': { label: t.search, run: () => searchField()?.focus() },
    n: { label: t.next, run: () => void log.step(true) },
    'Shift+N': { label: t.previous, run: () => void log.step(false) },
    j: { label: t.down, run: () => log.move(1) },
    k: { label: t.up, run: () => log.move(-1) },
    'Shift+J': { label: t.extendDown, run: () => log.move(1, true) },
    'Shift+K': { label: t.extendUp, run: () => log.move(-1, true) },
    'g g': { label: t.start, run: () => log.toStart() },
    'Shift+G': { label: t.end, run: () => log.toEnd() },
    e: { label: t.nextError, run: () => void log.toLevel(['ERROR', 'FATAL'], true) },
    'Shift+E': { label: t.previousError, run: () => void log.toLevel(['ERROR', 'FATAL'], false) },
    f: { label: t.follow, run: () => log.toggleFollow() },
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
