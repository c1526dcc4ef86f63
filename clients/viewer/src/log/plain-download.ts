/** A log as a terminal leaves it, without its colours: line by line, so that no log is in memory twice. */
import { plain } from 'otto-logs/ansi'

export async function withoutColours(answer: Response): Promise<Blob> {
  const pieces: string[] = []
  let rest = ''
  const take = (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    if (lines.length) pieces.push(`${lines.map(plain).join('\n')}\n`)
  }
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) take(part.value)
  if (rest) pieces.push(plain(rest))
  return new Blob(pieces, { type: 'text/plain' })
}
