// What a page says where it has nothing to show: still loading, nothing there, or an error.
import type { ComponentChildren } from 'preact'
import type { RequestError } from '../data/requests'
import type { Shell } from '../shell/contract'

/** Grey lines where a table will be; screen readers hear one word. */
export function Loading({ shell, rows = 8 }: { shell: Shell; rows?: number }) {
  return (
    <div class="loading" role="status">
      <span class="heard-only">{shell.t.shell.loading}</span>
      {Array.from({ length: rows }, (_, row) => (
        <i key={row} />
      ))}
    </div>
  )
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="state">
      <h2>{title}</h2>
      {children}
    </div>
  )
}

/** An error in place of a page, or, as a strip above it, beside what was loaded before. */
export function Failure({
  shell,
  error,
  isStrip = false,
  again,
}: {
  shell: Shell
  error: RequestError
  isStrip?: boolean
  again(): void
}) {
  const t = shell.t
  const isAway = error.status === 0 && error.code === 'UNREACHABLE'
  const text = isAway ? t.shell.unreachable : error.message
  const mayEnter = error.status === 401 || error.status === 403
  return (
    <div class={isStrip ? 'strip' : 'state'} role="alert">
      {!isStrip && (
        <h2>
          {isAway
            ? t.shell.unreachable
            : error.status === 401
              ? t.shell.signedOut
              : mayEnter
                ? t.shell.notAllowed
                : t.common.failed(error.code)}
        </h2>
      )}
      {(isStrip || !isAway) && (
        <p>
          {text}
          {isStrip && ` ${t.common.stale}`}
        </p>
      )}
      <p class="actions">
        {mayEnter && (
          <button
            type="button"
            class="primary"
            onClick={async () => {
              if (await shell.signIn(error.message)) again()
            }}
          >
            {t.shell.signIn}
          </button>
        )}
        <button type="button" onClick={again}>
          {t.shell.retry}
        </button>
      </p>
    </div>
  )
}
