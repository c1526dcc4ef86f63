/** What one row of a log is. */
import type { LogEntry } from 'otto-logs'
import type { Group } from './folds'
import type { Notice } from './notices'

export type Row =
  | { kind: 'notice'; notice: Notice }
  /** undefined: not loaded; null: no longer stored. */
  | {
      kind: 'line'
      index: number
      entry: LogEntry | null | undefined
      group?: Group
      /** A line of the event of several lines that it continues, or stands within. */
      event?: LogEntry | null
      isFolded?: boolean
      folded?: number
    }
