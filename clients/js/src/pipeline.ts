/** The progress of one pipeline. Every transition says the whole state of its stage, so the last one is enough. */
import type { Ending } from './errors.ts'
import { type Transport, transportOf } from './log-stream.ts'
import { type Attempt, Reconnecting } from './reconnecting.ts'
import type { Subject } from './subject.ts'
import type { PipelineOptions, PipelineProgress, PipelineStream, PipelineStreamEvents } from './types.ts'

/** Watch a pipeline. It connects by itself, as soon as the caller had the time to listen. */
export function openPipeline(options: PipelineOptions): PipelineStream {
  return new Pipeline(options, transportOf(options))
}

class Pipeline extends Reconnecting<PipelineStreamEvents> implements PipelineStream {
  #options: PipelineOptions
  #transport: Transport
  #stages = new Map<string, PipelineProgress>()
  #snapshot: readonly PipelineProgress[] | undefined
  #epoch: string | undefined
  #number = 0
  #subject: Subject

  constructor(options: PipelineOptions, transport: Transport) {
    super(options)
    this.#options = options
    this.#transport = transport
    this.#subject = {
      kind: 'pipeline',
      id: options.pipelineId,
      start: () => (this.#epoch && this.#number ? { after: `${this.#epoch}-${this.#number}` } : {}),
      epoch: (epoch) => this.#live(epoch),
      entry() {},
      gap() {},
      complete() {},
      progress: (progress, number) => this.#take(progress, number),
      room: () => undefined,
    }
  }

  get stages(): readonly PipelineProgress[] {
    this.#snapshot ??= [...this.#stages.values()]
    return this.#snapshot
  }

  protected override connect(attempt: Attempt): Promise<Ending> {
    return this.#transport(this.#options, this.#subject, attempt)
  }

  #live(epoch: string): void {
    if (this.#epoch && this.#epoch !== epoch) {
      this.#stages.clear()
      this.#snapshot = undefined
      this.#number = 0
      this.emit('restart', { epoch, reason: 'epoch' })
    }
    this.#epoch = epoch
  }

  #take(progress: PipelineProgress, number?: number): void {
    if (number) {
      if (number <= this.#number) return
      this.#number = number
    }
    // Over Socket.IO there are no numbers: every connection starts with the present state of all stages.
    const known = this.#stages.get(progress.stageId)
    if (!number && known && JSON.stringify(known) === JSON.stringify(progress)) return
    this.#stages.set(progress.stageId, progress)
    this.#snapshot = undefined
    this.emit('progress', progress)
  }
}
