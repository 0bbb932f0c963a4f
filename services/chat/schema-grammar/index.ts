import { bounded, conjunction, refuse, rootOf, type Subschema } from './document.ts'
import { SCHEMA_FAULTS } from './faults.ts'
import { freeObject } from './free-values.ts'
import { anyParameters } from './parameters.ts'
import { createResolver } from './resolver.ts'
import { createRules, type Rules } from './rules.ts'
import { spend, spendLength, startWork } from './work.ts'
import { createWriter, type Writer } from './writer.ts'

export { createChoice, type Candidate, type Choose } from './choice.ts'
export { literal } from './rules.ts'

/** GBNF for `{"type":"json_object"}`: any object. */
export const JSON_OBJECT_GRAMMAR: string = writeConstantGrammar(freeObject)
/** GBNF for any parameters of a call in XML. */
export const ANY_PARAMETERS_GRAMMAR: string = writeConstantGrammar(anyParameters)

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
 * shapes, which contain no logic (`shapes.ts`). `writer.ts` turns shapes into rules. Objects are written as JSON
 * (`layout.ts`) or as the parameters of a call (`parameters.ts`). Patterns and formats of strings are automata
 * (`automaton.ts`).
 *
 * @throws UnsupportedSchemaError with the keyword and its place, when a text might be invalid, when no value is valid,
 *   or when the conversion or the grammar is too large
 */
export function grammarOfSchema (schema: unknown): string {
  return schemaGrammars()(schema, grammar => grammar)
}

/** Converts one schema like `grammarOfSchema`, and passes the grammar through `finish`. */
export type ConvertSchema = (schema: unknown, finish: (grammar: string) => string) => string

/**
 * Begins the conversions of a request, which share one budget.
 * @param form `parameters` for grammars whose texts are the parameters of a call in XML (`parameters.ts`)
 */
export function schemaGrammars (form: keyof Writer = 'value'): ConvertSchema {
  startWork()
  return (schema, finish) => {
    const { root, values } = rootOf(schema)
    return bounded(root, 'schema', () => {
      spend(values)
      const grammar = finish(grammarOf(root, form))
      spendLength(grammar.length)
      return grammar
    })
  }
}

function grammarOf (root: Subschema, form: keyof Writer): string {
  const rules = createRules()
  rules.define('root', '')
  const resolver = createResolver({ formats: true })
  rules.define('root', createWriter(rules, resolver)[form](conjunction(root)))

  const wide = createResolver({ formats: false })
  for (const node of resolver.exclusive.values()) {
    const both = bounded(node, 'oneOf', () => wide.ambiguity(node))
    if (both) {
      refuse(node, 'oneOf', SCHEMA_FAULTS.notExclusive(...both))
    }
  }
  return rules.text()
}

function writeConstantGrammar (write: (rules: Rules) => string): string {
  startWork()
  const rules = createRules()
  rules.define('root', '')
  rules.define('root', write(rules))
  return rules.text()
}
