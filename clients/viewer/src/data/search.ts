// Texts in which something was looked for.

/** Parts of a text, those that match marked; case does not count, as in the gateway. */
export function marked(text: string, q: string): { text: string; isMatch: boolean }[] {
  const wanted = q.toLowerCase()
  const lower = text.toLowerCase()
  // A character whose lower case is longer moves everything behind it: better unmarked than marked wrongly.
  if (!wanted || lower.length !== text.length) return [{ text, isMatch: false }]
  const parts = []
  let from = 0
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, from)) {
    if (at > from) parts.push({ text: text.slice(from, at), isMatch: false })
    parts.push({ text: text.slice(at, at + wanted.length), isMatch: true })
    from = at + wanted.length
  }
  if (from < text.length) parts.push({ text: text.slice(from), isMatch: false })
  return parts
}

const CONTROLS = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]/g

/** A message without colours and other control sequences. */
export function plain(message: string): string {
  return message.replace(CONTROLS, '')
}
