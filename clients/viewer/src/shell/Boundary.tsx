import { Component, type ComponentChildren } from 'preact'
import { words } from './preferences'

interface Properties {
  children: ComponentChildren
  /** A part that fails leaves the rest of the page alone, without a word. */
  isQuiet?: boolean
}

/** Keeps the shell where a page fails, so that one can go elsewhere. A part that was not loaded comes with a new page alone. */
export class Boundary extends Component<Properties, { text: string | null }> {
  override state = { text: null as string | null }

  static override getDerivedStateFromError(error: unknown) {
    return { text: String(error) }
  }

  override render() {
    const t = words.value.shell
    if (this.state.text === null) return this.props.children
    if (this.props.isQuiet) return null
    return (
      <div class="state" role="alert">
        <h2>{t.broken}</h2>
        <p>{this.state.text}</p>
        <p class="actions">
          <button type="button" onClick={() => location.reload()}>
            {t.retry}
          </button>
        </p>
      </div>
    )
  }
}
