const END_CHARACTERS = 10

/** A name that is shortened in its middle where there is no room: its end tells it from others. */
export function Name({ text }: { text: string }) {
  const characters = [...text]
  const at = Math.max(characters.length - END_CHARACTERS, 0)
  return (
    <bdi class="middle">
      {at > 0 && <span>{characters.slice(0, at).join('')}</span>}
      <span>{characters.slice(at).join('')}</span>
    </bdi>
  )
}
