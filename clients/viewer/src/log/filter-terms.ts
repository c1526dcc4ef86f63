/** The texts that a filter looks for, and where they are in a line: each has a colour of its own. */
import type { LogFilter } from 'otto-logs'
import { occurrences } from './search-state'

export const TERM_COLOURS = 6

/** From, to, and the number of the term; none: what was searched. */
export type Mark = [start: number, end: number, term?: number]

const TOKEN =
  /-(?=[^\s)])|[()]|\b(?:level|worker|source|label|trace_id|span_id):(?:(?:"(?:[^"\\]|\\.)*"|[^\s(),"]+),?)*|"(?:[^"\\]|\\.)*"|\/(?:[^/\\]|\\.)+\/i?|[^\s()"]+/gi

/** Texts that have to be there or may be: what is excluded is in no line, and expressions are the gateway's to read. */
export function termsOf({ keywords = [], expression = '' }: LogFilter): string[] {
  const terms = [...keywords]
  const groups: boolean[] = []
  let [isOut, isNegated] = [false, false]
  for (const [token] of expression.matchAll(TOKEN)) {
    if (token === '-' || token === 'NOT') isNegated = !isNegated
    else if (token === '(') {
      groups.push(isOut)
      isOut = isOut !== isNegated
      isNegated = false
    } else if (token === ')') isOut = groups.pop() ?? false
    else if (token !== 'AND' && token !== 'OR') {
      const isText = !/^(?:\/.*\/i?|(?:level|worker|source|label|trace_id|span_id):.*)$/is.test(token)
      if (isText && isOut === isNegated)
        terms.push(token.startsWith('"') ? token.slice(1, -1).replace(/\\(.)/g, '$1') : token)
      isNegated = false
    }
  }
  return [...new Set(terms)].filter(Boolean)
}

/** What was searched and the terms of the filter, in order and without overlap; of two at one place the first counts. */
export function marksOf(text: string, search: string, terms: readonly string[], most = 200): Mark[] {
  if (!terms.length) return occurrences(text, search, most)
  const wanted = search ? [search, ...terms] : terms
  const marks: Mark[] = []
  for (const found of text.matchAll(patternOf(wanted))) {
    const term = found.slice(1).findIndex((group) => group !== undefined) - (search ? 1 : 0)
    const [start, end] = [found.index, found.index + found[0].length]
    marks.push(term < 0 ? [start, end] : [start, end, term % TERM_COLOURS])
    if (marks.length >= most) break
  }
  return marks
}

let last: { key: string; pattern: RegExp } | undefined

/** One pattern of texts alone, so that looking for all of them is one pass; made once for all rows. */
function patternOf(texts: readonly string[]): RegExp {
  const key = texts.join('\n')
  if (last?.key !== key) {
    const pattern = new RegExp(texts.map((each) => `(${each.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')})`).join('|'), 'gi')
    last = { key, pattern }
  }
  return last.pattern
}
