import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

const gateway = process.env.GATEWAY_URL ?? 'http://127.0.0.1:4000'

// The SDK from its source: what is changed there shows here at once, and nothing has to be built before.
const SDK = {
  'otto-logs': 'index.ts',
  'otto-logs/ansi': 'ansi/index.ts',
  'otto-logs/client': 'client.ts',
  'otto-logs/history': 'history.ts',
}

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
    outDir: fileURLToPath(new URL('../../gateway/viewer/built', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox121', 'safari17.5'], // the first with light-dark()
    assetsInlineLimit: 0, // the policy of the page allows no data: but images
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    license: { fileName: 'assets/licenses.md' },
  },
  plugins: [fontLicenses],
  resolve: {
    alias: Object.entries(SDK).map(([name, file]) => ({
      find: new RegExp(`^${name}$`),
      replacement: fileURLToPath(new URL(`../js/src/${file}`, import.meta.url)),
    })),
    dedupe: ['eventsource-parser'], // this directory's: the SDK's own is there only for who works on it
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  server: { proxy: { '/api': gateway, '/healthz': gateway } },
  test: {
    // What needs a page says so: `// @vitest-environment happy-dom`. Making one takes a second of CPU.
    environment: 'node',
    pool: 'threads',
    maxWorkers: 2,
    css: { include: [/\/src\//] },
    include: ['tests/**/*.test.{ts,tsx}'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
