import { bounded, conjunction, refuse, rootOf, type Subschema } from './document.ts'
import { freeObject } from './free-values.ts'
import { createResolver } from './resolver.ts'
import { createRules } from './rules.ts'
import { spend, spendLength, startWork } from './work.ts'
import { createWriter } from './writer.ts'

/** GBNF for `{"type":"json_object"}`: any object. */
export const JSON_OBJECT_GRAMMAR: string = writeObjectGrammar()

/**
 * A grammar (GBNF with rule `root`, for llama.cpp) of which every text is JSON, without white space but a blank after a comma or
 * colon, and satisfies a JSON schema of draft 2020-12. It does not give every value that does: names and items of which the schema
 * says nothing are left out where it names others (`asWritten`), numbers have at most 15 digits, names of a map 64 characters,
 * strings of a format are the usual ones (`formats.ts`), and values of which nothing is said nest 8 deep.
 *
 * The way of a schema: `document.ts` bounds it and finds its places, `keywords.ts` and `resolver.ts` turn it into shapes, which are
 * free of logic (`shapes.ts`), `writer.ts` turns those into rules. What strings look like is worked out with automata.
 *
 * @throws UnsupportedSchemaError, naming keyword and place: a text might not be valid, or none would be, or it would get too large
 */
export function grammarOfSchema (schema: unknown): string {
  return schemaGrammars()(schema, grammar => grammar)
}

/**
 * Begins the conversions of a request: what is returned converts one schema, as `grammarOfSchema` does, and gives the
 * grammar its final form. All of them share one budget.
 */
export function schemaGrammars (): (schema: unknown, finish: (grammar: string) => string) => string {
  startWork()
  return (schema, finish) => {
    const { root, values } = rootOf(schema)
    return bounded(root, 'schema', () => {
      spend(values)
      const grammar = finish(grammarOf(root))
      spendLength(grammar.length)
      return grammar
    })
  }
}

function grammarOf (root: Subschema): string {
  const rules = createRules()
  rules.define('root', '')
  const resolver = createResolver({ formats: true })
  const write = createWriter(rules, resolver)
  rules.define('root', write(conjunction(root)))

  const wide = createResolver({ formats: false })
  for (const node of resolver.exclusive.values()) {
    const both = bounded(node, 'oneOf', () => wide.ambiguity(node))
    if (both) {
      refuse(node, 'oneOf', {
        en: `is not known to be exclusive: ${both.join(' and ')} might both be valid; use "anyOf"`,
        zh: `无法确定互斥：第 ${both.join(' 与 ')} 项可能同时有效；请使用 "anyOf"`
      })
    }
  }
  return rules.text()
}

function writeObjectGrammar (): string {
  startWork()
  const rules = createRules()
  rules.define('root', '')
  rules.define('root', freeObject(rules))
  return rules.text()
}
