import { FUNCTION, PARAMETER } from '../../call-tags.ts'
import type { JsonToolSyntax, ToolSyntax, XmlToolSyntax } from '../../engine.ts'
import type { ChatTemplate } from './template.ts'

/** Names that occur in no template, so that their places in the rendered calls are known. */
const SAMPLES = [1, 2].map(number =>
  ({ name: `sample_tool_${number}`, key: `sample_key_${number}`, value: `sample_value_${number}` }))

/**
 * Finds the format of tool calls by rendering two in one answer. Each must have its own tags.
 * @returns null if the template renders no calls, or renders them in another form
 */
export function findToolSyntax (template: ChatTemplate): ToolSyntax | null {
  const text = template.renderCalls(SAMPLES.map(({ name, key, value }) => ({ name, args: { [key]: value } })))
  if (text === null) return null
  const [first, second] = SAMPLES.map(sample => jsonSyntax(text, sample) ?? xmlSyntax(text, sample))
  return second ? first! : null
}

type Sample = typeof SAMPLES[number]

function jsonSyntax (text: string, { name, key, value }: Sample): JsonToolSyntax | null {
  const { begin, open, separator, end, close } = new RegExp(
    `(?<begin>(?<open><[^<>\\s]+>)\\s*\\{\\s*"name":\\s*")${name}(?<separator>",\\s*"arguments":\\s*)` +
    `\\{\\s*"${key}":\\s*"${value}"\\s*\\}(?<end>\\s*\\}\\s*(?<close></[^<>\\s]+>))`
  ).exec(text)?.groups ?? {}
  if (!begin || !open || !separator || !end || !close) return null
  return { form: 'json', open, close, begin, separator, end }
}

/** Each tag must be on a line of its own. Calls that a grammar enforces are written so. */
function xmlSyntax (text: string, { name, key, value }: Sample): XmlToolSyntax | null {
  const { open, close } = new RegExp(
    `(?<open><[^<>\\s]+>)\n${FUNCTION.open}${name}>\n${PARAMETER.open}${key}>\n${value}\n` +
    `${PARAMETER.close}\n${FUNCTION.close}\n` +
    '(?<close></[^<>\\s]+>)'
  ).exec(text)?.groups ?? {}
  return open && close ? { form: 'xml', open, close } : null
}
