// A page that keeps what it got in which frame.
import { openLogStream } from 'otto-logs/index.ts'

const kept = globalThis as unknown as { seen: string[]; frames: (number | null)[] }
kept.seen = []
kept.frames = []
openLogStream({ url: location.origin, taskId: 'build' }).on('entries', (entries) => {
  kept.seen.push(...entries.map(({ message }) => message))
  kept.frames.push(document.timeline.currentTime as number | null) // the same throughout a frame
})
