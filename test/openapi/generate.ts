/**
 * Generates one client from docs/openapi.json, as its users do. The test runs it in a process of its own, because
 * generators print to stdout and keep a process busy.
 *
 *   node --import=tsx test/openapi/generate.ts orval /tmp/client
 */
import { writeFileSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { ROOT } from '../../config/root.ts'

const DOCUMENT = path.join(ROOT, 'docs/openapi.json')

/** For each generator: writes a client to a folder. Only the chosen one is loaded, because loading takes seconds. */
const GENERATORS: Record<string, (dir: string) => Promise<void>> = {
  async 'hey-api' (dir) {
    const { createClient } = await import('@hey-api/openapi-ts')
    await createClient({
      input: DOCUMENT,
      output: { path: dir, module: { extension: '.ts' } },
      plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/sdk'],
      logs: { level: 'silent' }
    } as never)
  },

  async orval (dir) {
    const { generate } = await import('orval')
    await generate({
      input: { target: DOCUMENT },
      output: {
        target: path.join(dir, 'client.ts'),
        client: 'fetch',
        mode: 'single',
        // orval's own fetch reads whole answers. Its guide names a function of one's own for anything else.
        override: { mutator: { path: path.join(dir, '../orval-fetch.ts'), name: 'orvalFetch' } }
      }
    }, dir)
  },

  async kubb (dir) {
    const [{ build }, { pluginOas }, { pluginTs }, { pluginClient }] = await Promise.all([
      import('@kubb/core'), import('@kubb/plugin-oas'), import('@kubb/plugin-ts'), import('@kubb/plugin-client')
    ])
    // It also writes every file to the current directory.
    mkdirSync(dir, { recursive: true })
    process.chdir(dir)
    await build({
      config: {
        root: dir,
        input: { path: DOCUMENT },
        output: { path: dir, extension: { '.ts': '.ts' } },
        plugins: [pluginOas({ generators: [] }), pluginTs(), pluginClient({ client: 'fetch' })]
      } as never
    })
  },

  async 'openapi-fetch' (dir) {
    const { default: openapiTS, astToString } = await import('openapi-typescript')
    const ast = await openapiTS(new URL(`file://${DOCUMENT}`))
    mkdirSync(dir, { recursive: true })
    writeFileSync(path.join(dir, 'schema.ts'), astToString(ast))
  }
}

const [name, dir] = process.argv.slice(2)
await GENERATORS[name!]!(path.resolve(dir!))
