import { randomUUID } from 'node:crypto'
import { FUNCTION } from '../engine/call-tags.ts'
import type { JsonToolSyntax, Tool, ToolSyntax, XmlToolSyntax } from '../engine/engine.ts'
import { createArgumentReader, type Parameters } from './xml-arguments.ts'
import { createXmlScan, skipBlanks, tagAt } from './xml-call.ts'

/** A tool call in an answer. */
export interface AskedCall {
  id: string
  name: string
  /** JSON. */
  arguments: string
}

/** Whether the text that was read so far is all of the answer, and how the answer ended. */
export type End = 'no' | 'model' | 'cut'

/**
 * A call of `length` characters. If `call` is null, that many characters are text. `partial`: the following text
 * decides, or the answer ended within a call.
 */
export type Found = { call: AskedCall | null, length: number } | 'partial'

/** Finds the calls of one form. */
export interface CallFinder {
  /** Reads a text that begins with the opening tag, and later longer ones, until the result is no longer partial. */
  find (text: string, end: End): Found
  /**
   * Reads the text after a call, and returns the number of characters that still belong to it. If `opened`, another
   * call follows without an opening tag.
   */
  after (text: string, end: End): { length: number, opened: boolean } | 'partial'
}

export function createCallFinder (syntax: ToolSyntax, tools: Tool[]): CallFinder {
  return syntax.form === 'xml' ? createXmlFinder(syntax, tools) : createJsonFinder(syntax, tools)
}

function createJsonFinder ({ open, close }: JsonToolSyntax, tools: Tool[]): CallFinder {
  const names = new Set(tools.map(tool => tool.name))
  return {
    find (text, end) {
      const stop = text.indexOf(close, open.length)
      // A model may end its answer without the closing tag.
      if (stop === -1 && end === 'no') return 'partial'
      const call = parseCall(text.slice(open.length, stop === -1 ? text.length - overlap(text, close) : stop), names)
      if (stop === -1) return call === null ? 'partial' : { call, length: text.length }
      return { call, length: stop + close.length }
    },
    after: () => ({ length: 0, opened: false })
  }
}

function createXmlFinder ({ open, close }: XmlToolSyntax, tools: Tool[]): CallFinder {
  const byName = new Map(tools.map(tool => [tool.name, tool]))
  const readers = new Map<string, (parameters: Parameters) => string>()
  let scan: ReturnType<typeof createXmlScan> | null = null

  function callOf (name: string, parameters: Parameters): AskedCall | null {
    const tool = byName.get(name)
    if (tool === undefined) return null
    const read = readers.get(name) ?? createArgumentReader(tool)
    readers.set(name, read)
    return createCall(name, read(parameters))
  }

  return {
    find (text, end) {
      const start = text.startsWith(open) ? open.length : 0
      scan ??= createXmlScan(start)
      const found = scan(text, end !== 'no')
      if (found === 'partial') return found
      scan = null
      if (found === 'none') return { call: null, length: Math.max(1, start) }
      // A model may end its answer without the closing tags. After a parameter, a cut answer may lack another one.
      if (!found.closed && end === 'cut') return 'partial'
      return { call: callOf(found.name, found.parameters), length: found.end }
    },
    after (text, end) {
      const next = skipBlanks(text, 0)
      const tag = tagAt(text, next, [close, FUNCTION.open])
      if (tag === 'partial' && end === 'no') return tag
      if (tag === FUNCTION.open) return { length: next, opened: true }
      if (tag === close) return { length: next + close.length, opened: false }
      return { length: tag === 'partial' && end === 'cut' ? text.length : 0, opened: false }
    }
  }
}

function parseCall (json: string, names: ReadonlySet<string>): AskedCall | null {
  try {
    const call = JSON.parse(json)
    return names.has(call?.name) ? createCall(call.name, JSON.stringify(call.arguments ?? {})) : null
  } catch {
    return null
  }
}

function createCall (name: string, args: string): AskedCall {
  return { id: `call_${randomUUID().replaceAll('-', '')}`, name, arguments: args }
}

/** Counts the characters at the end of `text` that may be the beginning of `word`. */
export function overlap (text: string, word: string): number {
  for (let length = Math.min(text.length, word.length - 1); length > 0; length--) {
    if (text.endsWith(word.slice(0, length))) return length
  }
  return 0
}
