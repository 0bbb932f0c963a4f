/**
 * Writes docs/openapi.json, as `GET /openapi.json` returns it with default settings. A test compares the two.
 *
 *   npm run openapi
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pino } from 'pino'
import { buildApp } from '../../app.ts'
import { loadConfig } from '../../config/config.ts'
import { ROOT } from '../../config/root.ts'
import { createEngine } from '../../services/engine/create-engine.ts'

const uploads = mkdtempSync(path.join(os.tmpdir(), 'sightline-openapi-'))
const config = loadConfig({ UPLOAD_DIR: uploads })
const log = pino({ level: 'error' }, process.stderr)
const app = await buildApp({ config, engine: createEngine(config, log), logger: log })
await app.ready()
writeFileSync(path.join(ROOT, 'docs/openapi.json'), `${JSON.stringify(app.swagger(), null, 2)}\n`)
await app.close()
rmSync(uploads, { recursive: true, force: true })
