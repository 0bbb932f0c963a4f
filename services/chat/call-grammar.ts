import { UnsupportedSchemaError, withDetails } from '../../errors/catalogue.ts'
import { FUNCTION } from '../engine/call-tags.ts'
import type { JsonToolSyntax, ToolSyntax, XmlToolSyntax } from '../engine/engine.ts'
import type { OfferedTool } from './request.ts'
import {
  ANY_PARAMETERS_GRAMMAR, JSON_OBJECT_GRAMMAR, literal, schemaGrammars, type ConvertSchema
} from './schema-grammar/index.ts'

/** Prefix of the rules for any arguments. */
const ANY = 'any-'

/** The rules for the arguments of tools. */
interface ArgumentRules {
  rules: string[]
  /** The name of the rule for the arguments of each tool. */
  names: Map<OfferedTool, string>
}

/**
 * Returns the grammar of an answer that calls tools, as the model's template writes calls. In the XML form the answer
 * is one or more calls, in the JSON form exactly one. All tools share one budget for the conversion of their schemas
 * and for the length of the grammar. If the schema of a tool cannot be enforced, its arguments may be anything.
 * @param singleCall the answer is exactly one call
 * @throws UnsupportedSchemaError for a strict tool whose schema cannot be enforced
 */
export function createCallGrammar (tools: readonly OfferedTool[], syntax: ToolSyntax, singleCall: boolean): string {
  return syntax.form === 'json' ? jsonGrammar(tools, syntax) : xmlGrammar(tools, syntax, singleCall)
}

function jsonGrammar (tools: readonly OfferedTool[], { begin, separator, end }: JsonToolSyntax): string {
  const { rules, names } = argumentRules(tools, schemaGrammars(), JSON_OBJECT_GRAMMAR)
  const calls = tools.map(tool => `${literal(tool.name + separator)} ${names.get(tool)}`)
  return [`root ::= ${literal(begin)} (${calls.join(' | ')}) ${literal(end)}`, ...rules].join('\n')
}

function xmlGrammar (tools: readonly OfferedTool[], { open, close }: XmlToolSyntax, singleCall: boolean): string {
  const { rules, names } = argumentRules(tools, schemaGrammars('parameters'), ANY_PARAMETERS_GRAMMAR)
  const functions = tools.map(tool => `${literal(`${tool.name}>\n`)} ${names.get(tool)}`)
  const [before, after] = [literal(`${open}\n${FUNCTION.open}`), literal(`${FUNCTION.close}\n${close}`)]
  const call = `${before} (${functions.join(' | ')}) ${after}`
  return [`root ::= call${singleCall ? '' : ' ("\\n" call)*'}`, `call ::= ${call}`, ...rules].join('\n')
}

/** @param any the grammar of any arguments */
function argumentRules (tools: readonly OfferedTool[], convert: ConvertSchema, any: string): ArgumentRules {
  const names = new Map<OfferedTool, string>()
  const rules: string[] = []
  // Strict tools come first, so that optional schemas cannot use up their budget.
  for (const tool of [...tools].sort((a, b) => Number(b.strict) - Number(a.strict))) {
    const prefix = `t${tools.indexOf(tool)}-`
    const own = argumentsGrammar(tool, schema => convert(schema, grammar => renamed(grammar, prefix)))
    names.set(tool, `${own === null ? ANY : prefix}root`)
    if (own !== null) rules.push(own)
  }
  if ([...names.values()].includes(`${ANY}root`)) rules.push(renamed(any, ANY))
  return { rules, names }
}

/** Returns null when the arguments may be anything. */
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

/** Matches strings, character classes and comments of GBNF, which contain no names, and names. */
const GBNF_TOKENS = /"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*|[a-zA-Z][a-zA-Z0-9-]*/g

/** Adds a prefix to the names of a grammar, so that it can be joined with other grammars. */
function renamed (grammar: string, prefix: string): string {
  return grammar.replace(GBNF_TOKENS, token => /^[a-zA-Z]/.test(token) ? prefix + token : token)
}
