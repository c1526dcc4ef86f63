import { render } from 'preact'
import './style/index.css'
import { findUsedPages } from './data/used-pages'
import { App } from './shell/App'
import { listen } from './shell/keys'
import { followVersions } from './shell/new-version'
import { applyPreferences, hasCharacterKeys } from './shell/preferences'
import { followAddress } from './shell/router'

applyPreferences()
followAddress()
listen(document, () => hasCharacterKeys.value)
followVersions(window, sessionStorage, () => location.reload())
void findUsedPages()
render(<App />, document.getElementById('app') as HTMLElement)
