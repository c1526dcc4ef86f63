/** Progress in per cent, with the number beside it. */
export function Bar({ percent, label, tone = 'busy' }: { percent: number; label: string; tone?: string }) {
  const value = Math.max(0, Math.min(100, Math.round(percent)))
  return (
    <span class="progress" data-tone={tone}>
      <progress max={100} value={value} aria-label={label} />
      <span>{value} %</span>
    </span>
  )
}
