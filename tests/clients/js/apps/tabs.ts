// What a page of many tabs does: it shares its stream with the others.
import { openSharedLogStream } from 'otto-logs/shared.ts'

const seen: string[] = []
const stream = openSharedLogStream({ url: '', taskId: 'build' })
stream.on('entries', (batch) => seen.push(...batch.map((entry) => entry.message)))
Object.assign(window, { seen, stream })
