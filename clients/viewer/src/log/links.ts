/** What a reader can follow in a line: addresses, what a terminal would link (OSC 8), files of the repository. */
import type { Span } from 'otto-logs/ansi'

export interface Link {
  start: number
  end: number
  url: string
}

const LINKS_MAX = 50
const URL_MAX = 2048
const ADDRESS = /https?:\/\/[^\s<>"'`\\^{|}\u2028\u2029]+/g
/** `src/main.py:12`, `./a.ts(3`, `File "x.py", line 12`, `file=src/app.js,line=7`. */
const FILE =
  /(?:File "([^"\n]{1,400})", line (\d{1,7})|file=([^,\s:]{1,400}),line=(\d{1,7})|(?<![\w/.:-])((?:\.{0,2}\/)?(?:[\w@+-][\w@.+-]{0,100}\/){0,30}[\w@+-][\w@.+-]{0,100}\.[A-Za-z]\w{0,9}):(\d{1,7})(?!\d))/g

/** The links of a text, in their order and without overlap; `repository` has `{file}` and `{line}`, '' is none. */
export function linksOf(text: string, spans: readonly Span[], repository: string): Link[] {
  const found: Link[] = []
  const add = (start: number, end: number, url: string | null) => {
    if (url && end > start && found.length < LINKS_MAX && !found.some((link) => start < link.end && link.start < end))
      found.push({ start, end, url })
  }
  for (const { start, end, link } of spans) if (link) add(start, Math.min(end, text.length), webAddress(link))
  if (text.includes('://'))
    for (const match of text.matchAll(ADDRESS)) {
      const address = trimmed(match[0])
      add(match.index, match.index + address.length, webAddress(address))
    }
  if (repository)
    for (const match of text.matchAll(FILE)) {
      const [file, line] = [match[1] ?? match[3] ?? match[5] ?? '', match[2] ?? match[4] ?? match[6] ?? '']
      add(match.index, match.index + match[0].length, fileAddress(repository, file, line))
    }
  return found.sort((a, b) => a.start - b.start)
}

/** An address of the web, as it is; null for anything else, which a page must not lead to. */
export function webAddress(text: string): string | null {
  if (text.length > URL_MAX) return null
  try {
    const { protocol } = new URL(text)
    return protocol === 'https:' || protocol === 'http:' ? text : null
  } catch {
    return null
  }
}

/** Without what ends a sentence, and without a bracket that was opened before the address. */
function trimmed(address: string): string {
  let end = address.length
  for (; end > 0; end--) {
    const last = address.charAt(end - 1)
    const isStop = '.,;:!?*'.includes(last)
    const isExtra =
      (last === ')' && !isPaired(address.slice(0, end), '(', ')')) ||
      (last === ']' && !isPaired(address.slice(0, end), '[', ']'))
    if (!isStop && !isExtra) break
  }
  return address.slice(0, end)
}

function isPaired(text: string, opens: string, closes: string): boolean {
  return text.split(opens).length >= text.split(closes).length
}

function fileAddress(repository: string, file: string, line: string): string | null {
  const path = file.replace(/^(?:\.\/)+/, '')
  if (path.startsWith('/') || path.split('/').includes('..')) return null // not of the repository
  const encoded = path.split('/').map(encodeURIComponent).join('/')
  return webAddress(repository.replaceAll('{file}', () => encoded).replaceAll('{line}', line))
}
