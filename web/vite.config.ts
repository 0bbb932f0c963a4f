import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

const LARGE_BYTES = 1_000_000
const NO_MODULE = fileURLToPath(new URL('src/heic/no-module.ts', import.meta.url))
const SERVICE = process.env.SIGHTLINE_URL ?? 'http://localhost:5000'

/**
 * `npm run build` writes the page to `dist/web`, which the service serves. `npm run dev:page` serves the sources and
 * forwards API requests to a running service.
 */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // A proxy may serve the page under any path.
  base: './',
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    target: 'es2022',
    // Inlined files would need `data:` in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false }
  },
  worker: { format: 'es' },
  // libheif asks for them in Node only.
  resolve: { alias: Object.fromEntries(['fs', 'path', 'crypto'].map(name => [name, NO_MODULE])) },
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  plugins: [precompress()],
  server: { proxy: { '/api': SERVICE, '/health': SERVICE, '/docs': SERVICE } }
})

/** Writes a Brotli and a gzip copy next to each file if it is smaller. The service sends these copies unchanged. */
function precompress (): Plugin {
  return {
    name: 'precompress',
    apply: 'build',
    async writeBundle ({ dir = '' }, bundle) {
      await Promise.all(Object.values(bundle).map(async file => {
        const data = Buffer.from(file.type === 'chunk' ? file.code : file.source)
        const copies = {
          br: await promisify(brotliCompress)(data, {
            params: {
              // The highest quality takes ten seconds for a decoder in WebAssembly.
              [constants.BROTLI_PARAM_QUALITY]: data.length > LARGE_BYTES ? 9 : 11,
              [constants.BROTLI_PARAM_SIZE_HINT]: data.length
            }
          }),
          gz: await promisify(gzip)(data, { level: 9 })
        }
        for (const [ending, copy] of Object.entries(copies)) {
          if (copy.length < data.length) await writeFile(path.join(dir, `${file.fileName}.${ending}`), copy)
        }
      }))
    }
  }
}
