import { randomUUID } from 'node:crypto'
import { UnsupportedSchemaError, withDetails } from '../../errors.ts'
import type { Tool, ToolSyntax } from '../engine/engine.ts'
import { grammarOfSchema, JSON_OBJECT_GRAMMAR } from '../chat/schema-grammar/index.ts'

/** A tool as a client offers it; `field`: its place in the request, `strict`: its arguments are to obey the schema, or the request is refused. */
export interface OfferedTool extends Tool { field: string, strict: boolean }

/** A call that a model asks for. */
export interface AskedCall {
  id: string
  name: string
  /** JSON. */
  arguments: string
}

/**
 * The grammar of an answer that is one call of one of the tools.
 * @throws UnsupportedSchemaError for a strict tool whose schema cannot be enforced; that of another one then promises no more than
 *   that its arguments are an object
 */
export function createCallGrammar (tools: OfferedTool[], { begin, separator, end }: ToolSyntax): string {
  const calls = tools.map(({ name }, index) => `${literal(name + separator)} args-${index}-root`)
  const root = `root ::= ${literal(begin)} (${calls.join(' | ')}) ${literal(end)}`
  return [root, ...tools.map((tool, index) => renamed(argumentsGrammar(tool), `args-${index}-`))].join('\n')
}

function argumentsGrammar ({ parameters, field, strict }: OfferedTool): string {
  if (parameters === undefined) return JSON_OBJECT_GRAMMAR
  try {
    return grammarOfSchema(parameters)
  } catch (error) {
    if (!(error instanceof UnsupportedSchemaError)) throw error
    if (strict) throw withDetails(error, { field: `${field}.function.parameters` })
    return JSON_OBJECT_GRAMMAR
  }
}

/** A GBNF literal for just this text. */
function literal (text: string): string {
  return JSON.stringify(text)
}

/** Strings, character classes and comments of GBNF, which hold no names, and its names. */
const GBNF_TOKENS = /"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*|[a-zA-Z][a-zA-Z0-9-]*/g

/** The same grammar with other names, so that it can stand in one with others. */
function renamed (grammar: string, prefix: string): string {
  return grammar.replace(GBNF_TOKENS, token => /^[a-zA-Z]/.test(token) ? prefix + token : token)
}

/** A piece of an answer: text that is certain not to belong to a call, and calls that have become complete. */
export interface AnswerPart { text: string, calls: AskedCall[] }

/** Tells the calls in an answer from its text, while it comes. */
export interface CallReader {
  push (text: string): AnswerPart
  /** What was held back, once nothing more comes. A call that is not whole, or of no tool, counts as text. */
  end (): AnswerPart
}

/** For an answer in which no tool can be called. */
export const PLAIN_READER: CallReader = { push: text => ({ text, calls: [] }), end: () => ({ text: '', calls: [] }) }

export function createCallReader ({ open, close }: ToolSyntax, tools: Tool[]): CallReader {
  const names = new Set(tools.map(tool => tool.name))
  let held = ''

  function read (final: boolean): AnswerPart {
    let text = ''
    const calls: AskedCall[] = []
    while (held !== '') {
      const start = held.indexOf(open)
      if (start === -1) {
        const keep = final ? 0 : overlap(held, open)
        text += held.slice(0, held.length - keep)
        held = held.slice(held.length - keep)
        break
      }
      text += held.slice(0, start)
      held = held.slice(start)
      const stop = held.indexOf(close, open.length)
      // A model may end its answer without the closing tag.
      if (stop === -1 && !final) break
      const whole = stop === -1 ? held : held.slice(0, stop + close.length)
      const call = parseCall(held.slice(open.length, stop === -1 ? undefined : stop), names)
      if (call) calls.push(call)
      else text += whole
      held = held.slice(whole.length)
    }
    // Blanks between calls are nobody's words.
    return { text: calls.length > 0 ? text.trim() : text, calls }
  }

  return {
    push (text) {
      held += text
      return read(false)
    },
    end: () => read(true)
  }
}

function parseCall (json: string, names: Set<string>): AskedCall | null {
  try {
    const call = JSON.parse(json)
    if (!names.has(call?.name)) return null
    return { id: `call_${randomUUID().replaceAll('-', '')}`, name: call.name, arguments: JSON.stringify(call.arguments ?? {}) }
  } catch {
    return null
  }
}

/** How many characters at the end of `text` may be the beginning of `word`. */
function overlap (text: string, word: string): number {
  for (let length = Math.min(text.length, word.length - 1); length > 0; length--) {
    if (text.endsWith(word.slice(0, length))) return length
  }
  return 0
}
