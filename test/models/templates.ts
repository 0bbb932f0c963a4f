import { readFileSync } from 'node:fs'
import path from 'node:path'
import { ROOT } from '../../config/root.ts'
import { referenceProgram } from '../../native/vision.ts'
import type { Family } from './families.ts'

const OWN: Partial<Record<Family, string>> = {
  'qwen2-vl': 'qwen2-vl',
  'qwen2.5-vl': 'qwen2-vl',
  'qwen3-vl': 'qwen3-vl-instruct',
  'qwen3-vl-moe': 'qwen3-vl-instruct',
  'qwen3-vl-thinking': 'qwen3-vl-thinking'
}

/** Returns the chat template of the family's real models. */
export async function templateOf (family: Family): Promise<string> {
  const own = OWN[family]
  const file = own
    ? path.join(ROOT, 'test/models/templates', `${own}.jinja`)
    : path.join((await referenceProgram()).templates, 'Qwen3.5-4B.jinja')
  return readFileSync(file, 'utf8')
}
