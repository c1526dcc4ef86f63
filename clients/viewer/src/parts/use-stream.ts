import type { LogStream, PipelineStream } from 'otto-logs'
import { useEffect } from 'preact/hooks'
import type { Shell } from '../shell/contract'

/** Keep a stream open while a component is shown; where the gateway wants a token, another one once there is one. */
export function useStream(shell: Shell, id: string, open: () => LogStream | PipelineStream): void {
  useEffect(() => {
    let isOver = false
    let stream: LogStream | PipelineStream
    const start = () => {
      stream = open()
      // biome-ignore lint/suspicious/noExplicitAny: both kinds have this event, with the same value
      ;(stream as any).on('error', async (error: { status?: number; message: string }) => {
        if (error.status === 401 && (await shell.signIn(error.message)) && !isOver) start()
      })
    }
    start()
    return () => {
      isOver = true
      stream.close()
    }
  }, [id])
}
