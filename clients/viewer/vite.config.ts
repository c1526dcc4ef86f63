import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

const gateway = process.env.GATEWAY_URL ?? 'http://127.0.0.1:4000'

const FONTS = ['@fontsource-variable/inter', '@fontsource-variable/jetbrains-mono']

// Vite tells the licences of scripts; fonts are passed on as well, and theirs wants to go with them.
const fontLicenses: Plugin = {
  name: 'font-licenses',
  apply: 'build',
  generateBundle() {
    const texts = FONTS.map((name) => {
      const path = fileURLToPath(new URL(`node_modules/${name}/LICENSE`, import.meta.url))
      return `# ${name}\n\n${readFileSync(path, 'utf8')}`
    })
    this.emitFile({ type: 'asset', fileName: 'assets/font-licenses.md', source: texts.join('\n') })
  },
}

// What the gateway serves: `/` is index.html, `/page/assets/*` are files named by their hash.
export default defineConfig({
  base: '/page/',
  publicDir: false,
  build: {
    outDir: fileURLToPath(new URL('../../gateway/page/built', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox121', 'safari17.5'], // the first with light-dark()
    assetsInlineLimit: 0, // the policy of the page allows no data: but images
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    license: { fileName: 'assets/licenses.md' },
  },
  // The SDK as it is here, not as it was published.
  resolve: {
    alias: [
      { find: /^otto-logs$/, replacement: fileURLToPath(new URL('../js/src/index.ts', import.meta.url)) },
      { find: /^otto-logs\/(.*)$/, replacement: fileURLToPath(new URL('../js/src/$1.ts', import.meta.url)) },
    ],
  },
  plugins: [fontLicenses],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  server: { proxy: { '/api': gateway, '/healthz': gateway } },
  test: { environment: 'happy-dom', include: ['tests/**/*.test.{ts,tsx}'] },
})
