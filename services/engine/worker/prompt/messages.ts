import type { Part, Tool, Turn } from '../../engine.ts'
import { THOUGHT_TAGS } from '../../thought-tags.ts'
import type { FunctionTool, Message, TemplateTraits } from './template.ts'

/** Converts a client's text and images for the template. */
export interface ContentWriter {
  /** Breaks the special tokens in a text. */
  text (text: string): string
  /** Returns a placeholder. */
  image (index: number): string
  /** True if the vocabulary has tokens for thoughts. */
  thinks: boolean
}

/**
 * Converts a conversation to messages. All system turns become one at the start, separated by a blank line: many
 * templates refuse a second one, and the prompt of a conversation must not depend on the model's template more than
 * it has to. A template without a system role gets it as the beginning of the first turn, as in llama.cpp.
 */
export function toMessages (turns: Turn[], traits: TemplateTraits, writer: ContentWriter): Message[] {
  let ids = 0
  const messages = turns.filter(turn => turn.role !== 'system').flatMap((turn): Message[] => {
    const { role, parts, calls = [] } = turn
    const content = contentOf(role === 'assistant' && writer.thinks ? withoutThoughts(parts) : parts, writer)
    if (calls.length === 0) return [{ role, content }]
    // Some templates accept only ids of nine letters and digits.
    const asked = calls.map(call => ({ ...call, id: `call${String(++ids).padStart(5, '0')}` }))
    return [
      {
        role,
        content,
        tool_calls: asked.map(({ id, name, arguments: args }) => {
          const masked = maskValue(args, writer)
          return {
            id,
            type: 'function',
            function: { name: writer.text(name), arguments: traits.textArguments ? JSON.stringify(masked) : masked }
          }
        })
      },
      ...asked.filter(({ result }) => result.length > 0).map(({ id, name, result }): Message =>
        ({ role: 'tool', content: contentOf(result, writer), tool_call_id: id, name: writer.text(name) }))
    ]
  })

  const system = turns.filter(turn => turn.role === 'system')
    .map(turn => contentOf(turn.parts, writer))
    .filter((content, _, all) => content !== '' || all.length === 1)
    .join('\n\n')
  if (!turns.some(turn => turn.role === 'system')) return messages
  if (traits.system) return [{ role: 'system', content: system }, ...messages]
  const [first, ...rest] = messages
  return first ? [{ ...first, content: `${system}\n${first.content}` }, ...rest] : []
}

/** Converts tools as llama.cpp does, which adds what a client left out. */
export function toFunctionTools (tools: Tool[], writer: ContentWriter): FunctionTool[] {
  return tools.map(({ name, description = '', parameters = {} }) => ({
    type: 'function',
    function: {
      name: writer.text(name), description: writer.text(description), parameters: maskValue(parameters, writer)
    }
  }))
}

function contentOf (parts: Part[], writer: ContentWriter): string {
  return joinTexts(parts).map(part => part.type === 'text' ? writer.text(part.text) : writer.image(part.image)).join('')
}

/** Joins adjacent texts, because a token can begin in one of them and end in the next. */
function joinTexts (parts: Part[]): Part[] {
  const joined: Part[] = []
  for (const part of parts) {
    const before = joined.at(-1)
    if (part.type === 'text' && before?.type === 'text') {
      joined[joined.length - 1] = { type: 'text', text: before.text + part.text }
    } else {
      joined.push(part)
    }
  }
  return joined
}

const { open, close } = THOUGHT_TAGS
/** Thoughts at the beginning of an answer: between both tags, or up to a closing tag in a line of its own. */
const THOUGHTS = new RegExp(`^\\s*${open}[^]*?${close}\\n*|^[^]*?(?<![^\\n])[ \\t]*${close}[ \\t]*(?:\\n+|$)`)

/**
 * Removes the thoughts from an earlier answer. Clients that do not know thoughts send them back as a part of the
 * answer, without the opening tag if the template wrote it. An answer that only mentions the tags stays as it is.
 */
function withoutThoughts (turn: Part[]): Part[] {
  const parts = joinTexts(turn)
  const [first, ...rest] = parts
  const thoughts = first?.type === 'text' ? THOUGHTS.exec(first.text)?.[0] : undefined
  if (first?.type !== 'text' || thoughts === undefined) return parts
  return [{ type: 'text', text: first.text.slice(thoughts.length) }, ...rest]
}

function maskValue<T> (value: T, writer: ContentWriter): T {
  if (typeof value === 'string') return writer.text(value) as T
  if (Array.isArray(value)) return value.map(item => maskValue(item, writer)) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [writer.text(key), maskValue(item, writer)])
  ) as T
}
