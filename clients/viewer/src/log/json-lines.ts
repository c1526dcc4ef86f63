/** Lines that are JSON objects, as structured loggers write them. */

const CHARACTERS_MAX = 50_000

/** The object or list of a line, over several lines; null where it is none. */
export function prettyJson(message: string): string | null {
  if (!mayBeJson(message)) return null
  try {
    return JSON.stringify(JSON.parse(message), null, 2)
  } catch {
    return null
  }
}

/** Cheap enough for every row that is drawn. */
export function mayBeJson(message: string): boolean {
  if (message.length < 5 || message.length > CHARACTERS_MAX) return false
  const text = message.trim()
  return (text.startsWith('{"') && text.endsWith('}')) || (text.startsWith('[{"') && text.endsWith('}]'))
}
