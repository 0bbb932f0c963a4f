/**
 * Writes the page's types of the API from docs/openapi.json, unless they are up to date. It is part of the build.
 *
 *   npm run page:types
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ROOT } from '../../config/root.ts'

const INPUT = path.join(ROOT, 'docs/openapi.json')
const OUTPUT = path.join(ROOT, 'web/src/api/openapi.gen.ts')

const lock = JSON.parse(
  readFileSync(path.join(ROOT, 'node_modules/@hey-api/openapi-ts/package.json'), 'utf8')
) as { version: string }
const origin = createHash('sha256').update(readFileSync(INPUT)).update(lock.version).digest('hex')
const firstLine = `// From docs/openapi.json by npm run page:types, ${origin}\n`
if (!existsSync(OUTPUT) || !readFileSync(OUTPUT, 'utf8').startsWith(firstLine)) await generate()

async function generate (): Promise<void> {
  // It is loaded only if it is needed, because that takes longer than everything else.
  const { createClient } = await import('@hey-api/openapi-ts')
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sightline-page-types-'))
  try {
    await createClient({
      input: INPUT, output: { path: dir }, plugins: ['@hey-api/typescript'], logs: { level: 'silent' }
    })
    writeFileSync(OUTPUT, firstLine + readFileSync(path.join(dir, 'types.gen.ts'), 'utf8'))
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
