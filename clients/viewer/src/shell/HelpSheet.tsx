import { Dialog } from '../parts/Dialog'
import { groups } from './keys'
import { chooseCharacterKeys, hasCharacterKeys, words } from './preferences'

/** What the keyboard can do here, as it was registered. */
export function HelpSheet({ close }: { close(): void }) {
  const t = words.value.shell
  const shown = [...groups.value].reverse().filter(({ keys }) => Object.keys(keys).length)
  return (
    <Dialog title={t.help} close={close} isWide>
      <div class="help">
        {shown.map((group, n) => (
          <section key={n}>
            <h3>{group.title || t.thisPage}</h3>
            <dl>
              {Object.entries(group.keys).map(([key, { label }]) => (
                <div key={key}>
                  <dt>
                    {key.split(' ').map((part) => (
                      <kbd key={part}>{part.replace('Control+', 'Ctrl+').replace('Arrow', '')}</kbd>
                    ))}
                  </dt>
                  <dd>{label}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <label>
        <input
          type="checkbox"
          checked={hasCharacterKeys.value}
          onChange={(event) => chooseCharacterKeys(event.currentTarget.checked)}
        />{' '}
        {t.characterKeys}
      </label>
      <p class="actions">
        <button type="button" onClick={close}>
          {t.close}
        </button>
      </p>
    </Dialog>
  )
}
