import { bounded, conjunction, refuse, rootOf, type Subschema } from './document.ts'
import { freeObject } from './free-values.ts'
import { createResolver } from './resolver.ts'
import { createRules } from './rules.ts'
import { startWork } from './work.ts'
import { createWriter } from './writer.ts'

/** GBNF for `{"type":"json_object"}`: any object. */
export const JSON_OBJECT_GRAMMAR: string = writeObjectGrammar()

/**
 * A grammar (GBNF with rule `root`, for llama.cpp) of which every text is JSON without needless white space that satisfies a JSON
 * schema (draft 2020-12, of which docs name the keywords). It need not give every value that does: names and items that the
 * schema does not speak of are left out where it speaks of others, numbers have at most 15 digits, strings of a format are the usual ones.
 *
 * @throws UnsupportedSchemaError, naming keyword and place, when a text might not be valid, no value would be, or the grammar got too large
 */
export function grammarOfSchema (schema: unknown): string {
  const root = rootOf(schema)
  startWork()
  return bounded(root, 'schema', () => grammarOf(root))
}

function grammarOf (root: Subschema): string {
  const rules = createRules()
  rules.define('root', '')
  const resolver = createResolver(root, { formats: true })
  const write = createWriter(rules, resolver)
  rules.define('root', write(conjunction(root)))

  const wide = createResolver(root, { formats: false })
  for (const node of resolver.exclusive.values()) {
    const both = bounded(node, 'oneOf', () => wide.ambiguity(node))
    if (both) refuse(node, 'oneOf', { en: `is not known to be exclusive: ${both.join(' and ')} might both be valid; use "anyOf"`, zh: `无法确定互斥：第 ${both.join(' 与 ')} 项可能同时有效；请使用 "anyOf"` })
  }
  return rules.text()
}

function writeObjectGrammar (): string {
  const rules = createRules()
  rules.define('root', freeObject(rules))
  return rules.text()
}
