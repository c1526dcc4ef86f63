/** Which lines of the log opened or belong to incidents: asked for now and then, while somebody looks. */
import { computed, signal } from '@preact/signals'
import { isOff } from '../data/alerts'
import { RequestError } from '../data/requests'
import type { TaskIncident } from '../data/task-incidents'

const RUNNING_MILLISECONDS = 5000
const OVER_MILLISECONDS = 30_000

export class IncidentMarks {
  readonly incidents = signal<readonly TaskIncident[]>([])
  #bySequence = computed(() => bySequence(this.incidents.value))
  #life = new AbortController()
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(
    private read: (signal: AbortSignal) => Promise<TaskIncident[]>,
    private isTaskOver: () => boolean,
  ) {
    void this.#look()
  }

  close(): void {
    this.#life.abort()
    clearTimeout(this.#timer)
  }

  /** The incidents that have a line. */
  at(sequence: number): readonly TaskIncident[] {
    return this.#bySequence.value.get(sequence) ?? []
  }

  /** Sequences of all lines that are marked. */
  get sequences(): Iterable<number> {
    return this.#bySequence.value.keys()
  }

  get open(): readonly TaskIncident[] {
    return this.incidents.value.filter(({ incident }) => incident.isOpen)
  }

  async #look(): Promise<void> {
    const { signal: life } = this.#life
    try {
      if (!document.hidden) this.#take(await this.read(life))
    } catch (error) {
      // A gateway without alerts, or a token without them: the log is worth reading without marks.
      if (error instanceof RequestError && (isOff(error) || (error.status >= 400 && error.status < 500))) return
    }
    if (life.aborted) return
    this.#timer = setTimeout(() => void this.#look(), this.isTaskOver() ? OVER_MILLISECONDS : RUNNING_MILLISECONDS)
  }

  #take(found: TaskIncident[]): void {
    if (!this.#life.signal.aborted && textOf(found) !== textOf(this.incidents.value)) this.incidents.value = found
  }
}

function bySequence(found: readonly TaskIncident[]): ReadonlyMap<number, TaskIncident[]> {
  const marked = new Map<number, TaskIncident[]>()
  for (const each of found)
    for (const { sequence } of each.marks) marked.set(sequence, [...(marked.get(sequence) ?? []), each])
  return marked
}

function textOf(found: readonly TaskIncident[]): string {
  return found.map(({ incident, marks }) => [incident.id, incident.isOpen, marks.length].join()).join(' ')
}
