import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseEnv } from 'node:util'
import t from 'tap'
import { EnvironmentSchema, loadConfig } from '../../config/config.ts'
import { ROOT } from '../../config/root.ts'
import type { About } from '../../config/schema.ts'
import { exampleEnvironment, withConfigurationTable } from '../../tools/scripts/configuration-docs.ts'

t.test('.env.example and the table in docs/operations.md match the schema', async t => {
  const operations = readFileSync(path.join(ROOT, 'docs/operations.md'), 'utf8')
  t.equal(operations, withConfigurationTable(operations), 'npm run docs:configuration writes it')
  t.equal(
    readFileSync(path.join(ROOT, '.env.example'), 'utf8'), exampleEnvironment(), 'npm run docs:configuration writes it'
  )
  const headings = new Set([...operations.matchAll(/^##+ (.*)$/gm)].map(([, heading]) => heading!))
  for (const [name, setting] of Object.entries(
    EnvironmentSchema.properties as unknown as Record<string, About & { description: string }>
  )) {
    t.match(setting.description, /^.{10,}\.$/, `${name} is explained`)
    if (setting.section) t.ok(headings.has(setting.section), `${name}: there is a section ${setting.section}`)
  }
})

t.test('the values in .env.example are the defaults', async t => {
  const lines = exampleEnvironment().split('\n')
  t.ok(lines.every(line => line.startsWith('#') || line === ''))
  const settings = lines.filter(line => /^#[A-Z_]+=/.test(line)).map(line => line.slice(1))
  t.strictSame(settings.map(line => line.replace(/=.*/, '')), Object.keys(EnvironmentSchema.properties))
  t.strictSame(loadConfig(parseEnv(settings.join('\n'))), loadConfig({}))
})
