/** Web Locks as a browser has them, for one process: exclusive locks in the order of their requests. */
interface Options {
  signal?: AbortSignal
}

export class Locks {
  #queues = new Map<string, (() => void)[]>()

  async request<T>(name: string, { signal }: Options, held: () => T | Promise<T>): Promise<T> {
    const queue = this.#queues.get(name) ?? []
    this.#queues.set(name, queue)
    let enter!: () => void
    const turn = new Promise<void>((resolve) => {
      enter = resolve
    })
    queue.push(enter)
    if (queue[0] === enter) enter()
    const leave = () => {
      const isHolder = queue[0] === enter
      queue.splice(queue.indexOf(enter), 1)
      if (isHolder) queue[0]?.()
    }
    const aborted = new Promise<never>((_, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason))
      if (signal?.aborted) reject(signal.reason)
    })
    try {
      await Promise.race([turn, aborted])
    } catch (error) {
      leave()
      throw error
    }
    aborted.catch(() => {})
    try {
      return await held()
    } finally {
      leave()
    }
  }
}
