import { UnsupportedSchemaError, withDetails } from '../../errors/catalogue.ts'
import type { ToolSyntax } from '../engine/engine.ts'
import type { OfferedTool } from './request.ts'
import { JSON_OBJECT_GRAMMAR, schemaGrammars } from './schema-grammar/index.ts'

/** Prefix of the rules for any object. */
const ANY_OBJECT = 'any-'

/**
 * Returns the grammar of an answer that is exactly one call of one of the tools. All tools share one budget for the
 * conversion of their schemas and for the length of the grammar. If the schema of a tool cannot be enforced, its
 * arguments may be any object.
 * @throws UnsupportedSchemaError for a strict tool whose schema cannot be enforced
 */
export function createCallGrammar (tools: readonly OfferedTool[], syntax: ToolSyntax): string {
  if (syntax.form === 'xml') throw new Error('not written yet')
  const { begin, separator, end } = syntax
  const convert = schemaGrammars()
  const prefixes = new Map<OfferedTool, string>()
  const rules: string[] = []
  // Strict tools come first, so that optional schemas cannot use up their budget.
  for (const tool of [...tools].sort((a, b) => Number(b.strict) - Number(a.strict))) {
    const prefix = `t${tools.indexOf(tool)}-`
    const own = argumentsGrammar(tool, schema => convert(schema, grammar => renamed(grammar, prefix)))
    prefixes.set(tool, own === null ? ANY_OBJECT : prefix)
    if (own !== null) rules.push(own)
  }
  if ([...prefixes.values()].includes(ANY_OBJECT)) rules.push(renamed(JSON_OBJECT_GRAMMAR, ANY_OBJECT))
  const calls = tools.map(tool => `${literal(tool.name + separator)} ${prefixes.get(tool)}root`)
  return [`root ::= ${literal(begin)} (${calls.join(' | ')}) ${literal(end)}`, ...rules].join('\n')
}

/** Returns null when the arguments may be any object. */
function argumentsGrammar (
  { parameters, field, strict }: OfferedTool, convert: (schema: object) => string
): string | null {
  if (parameters === undefined) return null
  try {
    return convert(parameters)
  } catch (error) {
    if (!(error instanceof UnsupportedSchemaError)) throw error
    if (strict) throw withDetails(error, { field: `${field}.function.parameters` })
    return null
  }
}

/** Returns a literal of GBNF. */
function literal (text: string): string {
  return JSON.stringify(text)
}

/** Matches strings, character classes and comments of GBNF, which contain no names, and names. */
const GBNF_TOKENS = /"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*|[a-zA-Z][a-zA-Z0-9-]*/g

/** Adds a prefix to the names of a grammar, so that it can be joined with other grammars. */
function renamed (grammar: string, prefix: string): string {
  return grammar.replace(GBNF_TOKENS, token => /^[a-zA-Z]/.test(token) ? prefix + token : token)
}
