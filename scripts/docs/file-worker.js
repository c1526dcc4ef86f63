// Search in pages that are opened as files: browsers start no worker there, so its script runs in a hidden frame.
if (location.protocol === 'file:')
  window.Worker = class extends EventTarget {
    onmessage = null
    onerror = null

    constructor(url) {
      super()
      const frame = document.createElement('iframe')
      frame.hidden = true
      const script = document.createElement('script')
      script.src = new URL(url, location.href).href
      this.loaded = new Promise((resolve) => {
        script.onload = () => resolve(frame.contentWindow)
        script.onerror = (event) => this.emit('error', event)
      })
      this.frame = frame
      document.documentElement.append(frame)
      const inside = frame.contentWindow
      inside.importScripts = (...urls) => {
        for (const each of urls) inside.document.write(`<script src="${new URL(each, script.src).href}"></script>`)
      }
      inside.postMessage = (value) => {
        const data = structuredClone(value)
        setTimeout(() => this.emit('message', new MessageEvent('message', { data })))
      }
      inside.document.body.append(script)
    }

    emit(name, event) {
      this[`on${name}`]?.(event)
      this.dispatchEvent(event)
    }

    postMessage(value) {
      const data = structuredClone(value) // either side changes what it gets
      this.loaded.then((inside) => setTimeout(() => inside.dispatchEvent(new inside.MessageEvent('message', { data }))))
    }

    terminate() {
      this.frame.remove()
    }
  }
