import type { en } from './en'

type Widened<T> = {
  [K in keyof T]: T[K] extends (...given: infer A) => string
    ? (...given: A) => string
    : T[K] extends string
      ? string
      : Widened<T[K]>
}

/** Every dictionary has exactly what the English one has. */
export type Words = Widened<typeof en>
