const END_CHARACTERS = 10

/**
 * A name that is shortened in its middle where there is no room: its end tells it from others. What is seen are its two
 * parts, drawn by the style; what is read, found and copied is the name.
 */
export function Name({ text }: { text: string }) {
  const characters = [...text]
  const at = Math.max(characters.length - END_CHARACTERS, 0)
  return (
    <bdi class="middle" data-start={characters.slice(0, at).join('')} data-end={characters.slice(at).join('')}>
      <span class="heard-only">{text}</span>
    </bdi>
  )
}
