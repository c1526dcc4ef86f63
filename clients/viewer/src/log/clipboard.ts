/** What is copied from a log, and a short word on what was done. */
import { signal } from '@preact/signals'
import type { LogEntry } from 'otto-logs'
import { plain } from 'otto-logs/ansi'
import type { Shell } from '../shell/contract'

const SAID_MILLISECONDS = 2000

export class Clipboard {
  /** Shown for a moment; '' is nothing. */
  readonly said = signal('')
  #timer: ReturnType<typeof setTimeout> | undefined

  /** Show a text for a moment. */
  say(text: string): void {
    this.said.value = text
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.said.value = ''
    }, SAID_MILLISECONDS)
  }

  /** Copy the messages of lines, as the reader sees them. */
  async copyLines(reading: Promise<LogEntry[]>, shell: Shell): Promise<void> {
    const lines = async () => {
      const found = await reading
      await navigator.clipboard.writeText(found.map(({ message }) => plain(message)).join('\n'))
      return shell.t.log.copied(found.length)
    }
    await this.#copy(lines(), shell)
  }

  /** Copy an address. */
  async copyLink(address: string, shell: Shell): Promise<void> {
    const link = async () => {
      await navigator.clipboard.writeText(address)
      return shell.t.log.copiedLink
    }
    await this.#copy(link(), shell)
  }

  async #copy(copying: Promise<string>, shell: Shell): Promise<void> {
    try {
      const text = await copying
      shell.announce(text)
      this.say(text)
    } catch {
      this.say(shell.t.log.notCopied)
    }
  }
}
