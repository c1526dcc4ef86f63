import { render } from 'preact'
import './style/index.css'
import { App } from './shell/App'
import { listen } from './shell/keys'
import { applyPreferences } from './shell/preferences'
import { followAddress } from './shell/router'

applyPreferences()
followAddress()
listen(document)
render(<App />, document.getElementById('app') as HTMLElement)
