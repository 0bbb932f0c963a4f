import { bounded, conjunction, refuse, rootOf, type Subschema } from './document.ts'
import { SCHEMA_FAULTS } from './faults.ts'
import { freeObject } from './free-values.ts'
import { createResolver } from './resolver.ts'
import { createRules } from './rules.ts'
import { spend, spendLength, startWork } from './work.ts'
import { createWriter } from './writer.ts'

/** GBNF for `{"type":"json_object"}`: any object. */
export const JSON_OBJECT_GRAMMAR: string = writeObjectGrammar()

/**
 * Converts a JSON schema of draft 2020-12 to a grammar for llama.cpp: GBNF with a rule `root`. Every text of the
 * grammar is JSON that satisfies the schema. Its only white space is an optional space after a comma or colon.
 *
 * The grammar leaves out some valid values:
 * - properties and items that the schema does not describe, next to those that it describes (`asWritten`)
 * - numbers of more than 15 digits
 * - names of more than 64 characters that the schema does not list
 * - unusual strings of a format (`formats.ts`)
 * - values of unconstrained schemas that are nested more than 8 deep
 *
 * The stages: `document.ts` bounds the schema and finds places in it. `keywords.ts` and `resolver.ts` turn it into
 * shapes, which contain no logic (`shapes.ts`). `writer.ts` turns shapes into rules. Patterns and formats of strings
 * are automata (`automaton.ts`).
 *
 * @throws UnsupportedSchemaError with the keyword and its place, when a text might be invalid, when no value is valid,
 *   or when the conversion or the grammar is too large
 */
export function grammarOfSchema (schema: unknown): string {
  return schemaGrammars()(schema, grammar => grammar)
}

/**
 * Begins the conversions of a request, which share one budget.
 * @returns a function that converts one schema like `grammarOfSchema`, and passes the grammar through `finish`
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
      refuse(node, 'oneOf', SCHEMA_FAULTS.notExclusive(...both))
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
