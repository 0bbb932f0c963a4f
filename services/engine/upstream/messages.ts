import type { JsonToolSyntax, Part, Tool, ToolCall, Turn } from '../engine.ts'

/**
 * The format of tool calls in the text of an answer. Upstreams report calls separately from text; this engine writes
 * them into the text in Qwen's format, as the local engine does.
 */
export const TOOL_SYNTAX: JsonToolSyntax = {
  form: 'json',
  open: '<tool_call>',
  close: '</tool_call>',
  begin: '<tool_call>\n{"name": "',
  separator: '", "arguments": ',
  end: '}\n</tool_call>'
}

/** Writes a call in that format. */
export function callText (name: string, args: string): string {
  const { begin, separator, end } = TOOL_SYNTAX
  // A closing tag in an argument would end the call. In JSON, `<` occurs only in strings, where it can be escaped.
  const safe = (json: string) => json.replaceAll('<', '\\u003c')
  return begin + safe(JSON.stringify(name).slice(1, -1)) + separator + safe(args.trim() || '{}') + end
}

type Content = string | Array<{ type: 'text', text: string } | { type: 'image_url', image_url: { url: string } }>

/**
 * Converts a conversation to messages of the OpenAI API. Images keep their places between the texts.
 * @param urlOf returns the URL of the image with this index
 */
export function toMessages (turns: Turn[], urlOf: (image: number) => string): object[] {
  let ids = 0
  const messages: object[] = []
  for (const { role, parts, calls = [] } of turns) {
    const content = toContent(parts, urlOf)
    const asked = calls.map(call => ({ id: `call_${ids++}`, call }))
    messages.push({
      role,
      content: content === '' && calls.length > 0 ? null : content,
      ...asked.length > 0 && { tool_calls: asked.map(({ id, call }) => toToolCall(id, call)) }
    })
    for (const { id, call } of asked) {
      messages.push({ role: 'tool', tool_call_id: id, content: toContent(call.result, urlOf) })
    }
  }
  return messages
}

/** Joins adjacent texts, because some servers insert a line break between two text parts. */
function toContent (parts: Part[], urlOf: (image: number) => string): Content {
  if (parts.every(part => part.type === 'text')) return parts.map(part => part.text).join('')
  const content: Exclude<Content, string> = []
  for (const part of parts) {
    const last = content.at(-1)
    if (part.type === 'image') content.push({ type: 'image_url', image_url: { url: urlOf(part.image) } })
    else if (last?.type === 'text') last.text += part.text
    else if (part.text !== '') content.push({ type: 'text', text: part.text })
  }
  return content
}

function toToolCall (id: string, { name, arguments: args }: ToolCall) {
  return { id, type: 'function', function: { name, arguments: JSON.stringify(args) } }
}

export function toTools (tools: Tool[]): object[] {
  return tools.map(({ name, description, parameters }) =>
    ({ type: 'function', function: { name, description, parameters } }))
}

/** @param names the tools of which the model must call one; undefined if it need not call any */
export function toToolChoice (names: string[] | undefined, tools: Tool[]): object | string {
  if (names === undefined) return 'auto'
  return names.length === 1 && tools.length > 1 ? { type: 'function', function: { name: names[0] } } : 'required'
}
