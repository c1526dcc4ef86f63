/** One search over the whole log: every match's sequence, as far as the gateway lists them, and which one is looked at. */

import type { LogEntry } from 'otto-logs'
import type { Matches } from 'otto-logs/history'
import { lastAtOrBelow } from './plan'

const SEQUENCES_MAX = 200_000

/** A value: what changes a search answers another one. */
export interface SearchState {
  readonly text: string
  /** The sequences of all places that are known, ascending. */
  readonly sequences: readonly number[]
  readonly total: number
  readonly isComplete: boolean
  /** Whether the gateway has answered. */
  readonly isKnown: boolean
  /** Why the gateway has not answered; '' where it has, or still may. */
  readonly failure: string
  /** The place that is looked at, counting from 1; 0: none is. */
  readonly ordinal: number
  /** The last line that was looked at. */
  readonly upTo: number
}

export function searchFor(text: string): SearchState {
  return { text, sequences: [], total: 0, isComplete: false, isKnown: false, failure: '', ordinal: 0, upTo: 0 }
}

/** The sequence of the place that is looked at. */
export function currentOf(search: SearchState | null): number | null {
  return search?.sequences[search.ordinal - 1] ?? null
}

/** With the gateway's answer, and what came live behind it. */
export function withMatches(
  search: SearchState,
  matches: Pick<Matches, 'total' | 'sequences' | 'isComplete' | 'lastSequence'>,
): SearchState {
  const later = search.sequences.filter((sequence) => sequence > matches.lastSequence)
  const sequences = [...matches.sequences, ...later]
  const current = currentOf(search)
  return {
    text: search.text,
    sequences,
    total: matches.total + later.length,
    isComplete: matches.isComplete,
    isKnown: true,
    failure: '',
    ordinal: current === null ? 0 : sequences.indexOf(current) + 1,
    upTo: Math.max(search.upTo, matches.lastSequence),
  }
}

/** With live lines; those up to where the gateway looked were counted by it. The same one where none has the text. */
export function withLines(
  search: SearchState,
  entries: readonly Pick<LogEntry, 'sequence' | 'message'>[],
  sequencesMax = SEQUENCES_MAX,
): SearchState {
  const needle = search.text.toLowerCase()
  const found = entries.filter(({ sequence, message }) => {
    return sequence > search.upTo && message.toLowerCase().includes(needle)
  })
  if (!found.length) return search
  const kept = found.slice(0, sequencesMax - search.sequences.length).map(({ sequence }) => sequence)
  return {
    ...search,
    sequences: kept.length ? [...search.sequences, ...kept] : search.sequences,
    total: search.total + found.length,
    isComplete: search.isComplete && kept.length === found.length,
    upTo: found[found.length - 1]?.sequence ?? search.upTo,
  }
}

/** At the match next to the current one, or else to `from`, which itself counts; around at the ends. */
export function stepped(search: SearchState, isForward: boolean, from: number): SearchState {
  const { sequences, ordinal } = search
  const { length } = sequences
  if (!length) return search
  const before = ordinal || lastAtOrBelow(sequences, isForward ? from - 1 : from) + (isForward ? 1 : 2)
  return { ...search, ordinal: isForward ? (before % length) + 1 : ((before - 2 + length) % length) + 1 }
}

/** Where the text occurs, whatever the case: pairs of offsets into `text`. */
export function occurrences(text: string, needle: string, most = 200): [number, number][] {
  if (!needle) return []
  const lower = text.toLowerCase()
  const searched = needle.toLowerCase()
  // Lower case can be longer than what it stands for (İ): then offsets would be wrong.
  if (lower.length !== text.length) return []
  const found: [number, number][] = []
  for (
    let at = lower.indexOf(searched);
    at >= 0 && found.length < most;
    at = lower.indexOf(searched, at + searched.length)
  ) {
    found.push([at, at + searched.length])
  }
  return found
}
