import { readFileSync } from 'node:fs'
import path from 'node:path'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import spectral from '@stoplight/spectral-core'
import rulesets from '@stoplight/spectral-rulesets'
import t from 'tap'
import { ROOT } from '../../config/root.ts'

const DOCUMENT = path.join(ROOT, 'docs/openapi.json')
const text = readFileSync(DOCUMENT, 'utf8')

/** The document with a type that does not exist, which both linters must find. */
const wrong = JSON.parse(text)
wrong.components.schemas.ChatForm.properties.message.type = 'nothing'

/** Findings that are no fault of the document: the health checks have no answers with a status of 4xx. */
const ALLOWED_BY_REDOCLY = [
  'operation-4xx-response #/paths/~1health~1live/get/responses',
  'operation-4xx-response #/paths/~1health~1ready/get/responses'
]

/** Rules of style: a self-hosted service has no contact, and a summary describes each operation. */
const ALLOWED_BY_SPECTRAL = ['info-contact', 'operation-description']

t.test('redocly lint finds nothing with its recommended rules', async t => {
  t.same((await redocly(text)).filter(finding => !ALLOWED_BY_REDOCLY.includes(finding)), [])
  const faults = await redocly(JSON.stringify(wrong))
  t.ok(faults.includes('struct #/components/schemas/ChatForm/properties/message/type'), 'it finds a fault')
})

t.test('spectral finds nothing with spectral:oas', async t => {
  t.same((await oas(text)).filter(finding => !ALLOWED_BY_SPECTRAL.includes(finding.split(' ')[0]!)), [])
  const faults = await oas(JSON.stringify(wrong))
  t.ok(faults.includes('oas3-schema #/components/schemas/ChatForm/properties/message/type'), 'it finds a fault')
})

async function redocly (source: string): Promise<string[]> {
  const config = await createConfig({ extends: ['recommended'] })
  const problems = await lintFromString({ source, absoluteRef: DOCUMENT, config })
  return problems.map(({ ruleId, location }) => `${ruleId} ${location[0]?.pointer}`)
}

async function oas (source: string): Promise<string[]> {
  const linter = new spectral.Spectral()
  linter.setRuleset({ extends: [rulesets.oas], rules: {} } as never)
  const findings = await linter.run(JSON.parse(source))
  return findings.map(({ code, path }) => `${code} #/${path.join('/')}`).sort()
}
