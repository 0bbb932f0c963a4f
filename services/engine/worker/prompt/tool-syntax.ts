import type { ToolSyntax } from '../../engine.ts'
import type { ChatTemplate } from './template.ts'

/**
 * The form of a tool call in an answer:
 * - `json`: a JSON object between two tags, as in Qwen2.5 and Qwen3. `syntax` describes it.
 * - `xml`: tags with the names of the function and of each argument, as in Qwen3-Coder and Qwen3.5.
 */
export type CallForm = { form: 'json', syntax: ToolSyntax } | { form: 'xml', open: string, close: string }

/** Names that occur in no template, so that their places in the rendered calls are known. */
const SAMPLES = [1, 2].map(number =>
  ({ name: `sample_tool_${number}`, key: `sample_key_${number}`, value: `sample_value_${number}` }))

/**
 * Finds the form of calls by rendering two in one answer. Each must have its own tags.
 * @returns null if the template renders no calls, or renders them in another form
 */
export function findCallForm (template: ChatTemplate): CallForm | null {
  const text = template.renderCalls(SAMPLES.map(({ name, key, value }) => ({ name, args: { [key]: value } })))
  if (text === null) return null
  const [first, second] = SAMPLES.map(sample => jsonForm(text, sample) ?? xmlForm(text, sample))
  return second ? first! : null
}

type Sample = typeof SAMPLES[number]

function jsonForm (text: string, { name, key, value }: Sample): CallForm | null {
  const { begin, open, separator, end, close } = new RegExp(
    `(?<begin>(?<open><[^<>\\s]+>)\\s*\\{\\s*"name":\\s*")${name}(?<separator>",\\s*"arguments":\\s*)` +
    `\\{\\s*"${key}":\\s*"${value}"\\s*\\}(?<end>\\s*\\}\\s*(?<close></[^<>\\s]+>))`
  ).exec(text)?.groups ?? {}
  if (!begin || !open || !separator || !end || !close) return null
  return { form: 'json', syntax: { open, close, begin, separator, end } }
}

function xmlForm (text: string, { name, key, value }: Sample): CallForm | null {
  const { open, close } = new RegExp(
    `(?<open><[^<>\\s]+>)\\s*<function=${name}>\\s*<parameter=${key}>\\s*${value}\\s*</parameter>\\s*</function>` +
    '\\s*(?<close></[^<>\\s]+>)'
  ).exec(text)?.groups ?? {}
  return open && close ? { form: 'xml', open, close } : null
}
