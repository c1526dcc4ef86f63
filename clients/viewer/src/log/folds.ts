/**
 * Groups of lines that can be folded: `::group::` / `::endgroup::` (also `##[group]`), and GitLab's
 * `section_start:TIME:NAME[collapsed=true]` / `section_end:TIME:NAME`.
 * A marker counts where it stands at the beginning of a line, behind nothing but colours.
 */
export interface Marker {
  kind: 'start' | 'end'
  /** GitLab's name of the section; '' for groups, which close in the order in which they were opened. */
  name: string
  title: string
  isCollapsed: boolean
}

export interface Group {
  start: number
  /** The sequence of the line that closes it; null while it is open. */
  end: number | null
  name: string
  depth: number
  /** Whether its head passes the filter. */
  isShown: boolean
  /** Whether it is an event of several lines, which no marker begins. */
  isEvent?: boolean
  /** When its first and last lines were written; of groups alone. */
  startTime?: string
  endTime?: string
}

/** What to look for, so that all markers of a log are found. */
export const MARKER_TEXTS = [
  '::group::',
  '::endgroup::',
  '##[group]',
  '##[endgroup]',
  'section_start:',
  'section_end:',
] as const

const MARKER = new RegExp(
  '^(?:\\x1b\\[[0-9;]*[A-Za-z]|\\r)*' + // colours in front
    '(?:(?:::|##\\[)(group|endgroup)(?:::|\\])(.*)' +
    '|section_(start|end):\\d+:([\\w.-]+)(?:\\[([^\\]]*)\\])?(?:\\x1b\\[0K|\\s)*(.*))$',
  's',
)
const DEPTH_MAX = 64

export function markerOf(message: string): Marker | null {
  const found = message.includes('group') || message.includes('section_') ? MARKER.exec(message) : null
  if (!found) return null
  const [, group, groupTitle = '', section, name = '', options = '', sectionTitle = ''] = found
  if (group)
    return { kind: group === 'group' ? 'start' : 'end', name: '', title: groupTitle.trim(), isCollapsed: false }
  return {
    kind: section === 'start' ? 'start' : 'end',
    name,
    title: sectionTitle.trim() || name,
    isCollapsed: /(?:^|,)collapsed=true(?:,|$)/.test(options),
  }
}

/**
 * The groups of a log, built from markers in the order of their sequences; which of them are folded.
 *
 * Under a filter a group folds where its head is shown and its end is known, and none is folded before the reader says
 * so: what was asked for is not hidden.
 */
export class Folds {
  #groups = new Map<number, Group>()
  #open: Group[] = []
  #folded = new Set<number>()
  #last = 0
  #isFiltered = false

  constructor(readonly groupsMax = 20_000) {}

  get groups(): IterableIterator<Group> {
    return this.#groups.values()
  }

  get size() {
    return this.#groups.size
  }

  /** Take a marker; one that is not behind all earlier ones is known already. */
  add(sequence: number, marker: Marker, isShown = true, time?: string): boolean {
    if (sequence <= this.#last) return false
    this.#last = sequence
    if (marker.kind === 'start') {
      if (this.#open.length >= DEPTH_MAX || this.#groups.size >= this.groupsMax) return false
      const depth = this.#open.length
      const group: Group = { start: sequence, end: null, name: marker.name, depth, isShown, startTime: time }
      this.#groups.set(sequence, group)
      this.#open.push(group)
      if (marker.isCollapsed && !this.#isFiltered) this.#folded.add(sequence)
      return true
    }
    const at = marker.name ? this.#open.map((group) => group.name).lastIndexOf(marker.name) : this.#open.length - 1
    if (at < 0) return false
    // An outer section that ends closes what was left open inside of it.
    for (const group of this.#open.splice(at)) {
      group.end = sequence
      group.endTime = time
    }
    return true
  }

  /** Take an event of several lines, which folds as a group does. */
  addEvent(start: number, end: number): void {
    if (!this.#groups.has(start) && this.#groups.size < this.groupsMax)
      this.#groups.set(start, { start, end, name: '', depth: 0, isShown: true, isEvent: true })
  }

  /** The group that a line heads, where it folds. */
  group(start: number): Group | undefined {
    const group = this.#groups.get(start)
    return group && this.#folds(group) ? group : undefined
  }

  #folds(group: Group): boolean {
    return !this.#isFiltered || (group.isShown && group.end !== null)
  }

  isFolded(start: number): boolean {
    return this.#folded.has(start)
  }

  toggle(start: number): boolean {
    if (!this.group(start)) return false
    if (!this.#folded.delete(start)) this.#folded.add(start)
    return true
  }

  /** Fold all that fold, the first `most` of them, or none. */
  setAll(isFolded: boolean, most = this.groupsMax): void {
    const heads = [...this.#groups.values()].filter((group) => this.#folds(group)).map(({ start }) => start)
    this.#folded = new Set(isFolded ? heads.slice(0, most) : [])
  }

  get folded(): IterableIterator<number> {
    return this.#folded.values()
  }

  /** Open everything that hides a line; true where something did. */
  reveal(sequence: number): boolean {
    let isChanged = false
    for (const start of this.#folded) {
      const group = this.#groups.get(start)
      if (group && start < sequence && sequence <= (group.end ?? Number.POSITIVE_INFINITY))
        isChanged = this.#folded.delete(start)
    }
    return isChanged
  }

  /** Sequences behind the heads of folded groups, both included. */
  hidden(last: number): { from: number; to: number }[] {
    return [...this.#folded].map((start) => ({ from: start + 1, to: this.#groups.get(start)?.end ?? last }))
  }

  clear(isFiltered = false): void {
    this.#isFiltered = isFiltered
    this.#groups.clear()
    this.#folded.clear()
    this.#open = []
    this.#last = 0
  }
}
