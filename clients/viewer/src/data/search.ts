// Texts in which something was looked for.

/** Each is an element; places behind the last one are not marked. */
export const MARKS_MAX = 200

/** Parts of a text, those that match marked; case does not count, as in the gateway. */
export function marked(text: string, q: string): { text: string; isMatch: boolean }[] {
  const wanted = q.toLowerCase()
  const lower = text.toLowerCase()
  // A character whose lower case is longer moves everything behind it: better unmarked than marked wrongly.
  if (!wanted || lower.length !== text.length) return [{ text, isMatch: false }]
  const parts = []
  let from = 0
  for (let at = lower.indexOf(wanted), marks = 0; at >= 0 && marks < MARKS_MAX; at = lower.indexOf(wanted, from)) {
    marks += 1
    if (at > from) parts.push({ text: text.slice(from, at), isMatch: false })
    parts.push({ text: text.slice(at, at + wanted.length), isMatch: true })
    from = at + wanted.length
  }
  if (from < text.length) parts.push({ text: text.slice(from), isMatch: false })
  return parts
}
