import { randomUUID } from 'node:crypto'
import type { JsonToolSyntax, Tool, ToolSyntax, XmlToolSyntax } from '../engine/engine.ts'
import { createXmlScan, FUNCTION, skipBlanks, tagAt } from './xml-call.ts'
import { toArguments } from './xml-arguments.ts'

/** A tool call in an answer. */
export interface AskedCall {
  id: string
  name: string
  /** JSON. */
  arguments: string
}

/** A part of an answer: text that belongs to no call, and calls that are complete. */
export interface AnswerPart { text: string, calls: AskedCall[] }

/**
 * Separates tool calls from text while an answer is generated. The result does not depend on the pieces in which the
 * text arrives.
 */
export interface CallReader {
  push (text: string): AnswerPart
  /**
   * Returns the rest at the end of the answer. A call of an unknown tool counts as text.
   * @param cut the answer was cut at its limit, and an incomplete call is dropped. Otherwise the model ended the
   *   answer, and an incomplete call counts as text.
   */
  end (cut: boolean): AnswerPart
}

/** The reader for answers without tools. */
export const PLAIN_READER: CallReader = { push: text => ({ text, calls: [] }), end: () => ({ text: '', calls: [] }) }

/** Whether the text that was read so far is all of the answer, and how the answer ended. */
type End = 'no' | 'model' | 'cut'

/** A call, or text that is none, at the beginning of a text; `partial` if that depends on what follows. */
type Found = { call: AskedCall | null, length: number } | 'partial'

/** Finds calls of one form. */
interface CallFinder {
  /** Reads a text that begins with the opening tag, and later longer ones, until it is no longer partial. */
  find (text: string, end: End): Found
  /** Reads the text after a call. If `opened`, another call follows after `length`, without an opening tag. */
  after (text: string, end: End): { length: number, opened: boolean } | 'partial'
}

/** @param singleCall drop everything after the first call */
export function createCallReader (syntax: ToolSyntax, tools: Tool[], singleCall = false): CallReader {
  const { open } = syntax
  const byName = new Map(tools.map(tool => [tool.name, tool]))
  const finder = syntax.form === 'xml' ? createXmlFinder(syntax, byName) : createJsonFinder(syntax, byName)
  const words = createWordReader()
  let held = ''
  let isAfter = false
  let isOpened = false
  let isOver = false

  function read (end: End): AnswerPart {
    let text = ''
    const calls: AskedCall[] = []
    while (held !== '' && !isOver) {
      if (isAfter) {
        const next = finder.after(held, end)
        if (next === 'partial') break
        held = held.slice(next.length)
        isAfter = false
        isOpened = next.opened
        continue
      }
      const start = isOpened ? 0 : held.indexOf(open)
      if (start === -1) {
        const kept = end === 'model' ? 0 : overlap(held, open)
        text += words.push(held.slice(0, held.length - kept))
        if (end === 'cut' && kept > 0) words.call()
        held = held.slice(held.length - kept)
        break
      }
      text += words.push(held.slice(0, start))
      held = held.slice(start)
      const found = finder.find(held, end)
      if (found === 'partial') {
        if (end === 'model') text += words.push(held)
        if (end === 'cut') words.call()
        break
      }
      isOpened = false
      if (found.call) {
        calls.push(found.call)
        words.call()
        isAfter = true
        isOver = singleCall
      } else {
        text += words.push(held.slice(0, found.length))
      }
      held = held.slice(found.length)
    }
    if (isOver || end !== 'no') held = ''
    return { text: end === 'no' ? text : text + words.end(), calls }
  }

  return {
    push (text) {
      held += text
      return read('no')
    },
    end: cut => read(cut ? 'cut' : 'model')
  }
}

function createJsonFinder ({ open, close }: JsonToolSyntax, tools: ReadonlyMap<string, Tool>): CallFinder {
  return {
    find (text, end) {
      const stop = text.indexOf(close, open.length)
      // A model may end its answer without the closing tag.
      if (stop === -1 && end === 'no') return 'partial'
      const call = parseCall(text.slice(open.length, stop === -1 ? text.length - overlap(text, close) : stop), tools)
      if (stop === -1) return call === null ? 'partial' : { call, length: text.length }
      return { call, length: stop + close.length }
    },
    after: () => ({ length: 0, opened: false })
  }
}

function createXmlFinder ({ open, close }: XmlToolSyntax, tools: ReadonlyMap<string, Tool>): CallFinder {
  let scan: ReturnType<typeof createXmlScan> | null = null
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
      const tool = tools.get(found.name)
      const call = tool ? createCall(tool.name, toArguments(found.parameters, tool)) : null
      return { call, length: found.end }
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

/** Removes the white space around the calls of an answer: models write line breaks there. */
function createWordReader () {
  let blanks = ''
  let hasWords = false
  let hasCalls = false
  return {
    push (text: string): string {
      const rest = text.trimEnd()
      if (rest === '') {
        blanks += text
        return ''
      }
      const words = hasWords || !hasCalls ? blanks + rest : rest.trimStart()
      blanks = text.slice(rest.length)
      hasWords = true
      return words
    },
    call () { hasCalls = true },
    end: (): string => hasCalls ? '' : blanks
  }
}

function parseCall (json: string, tools: ReadonlyMap<string, Tool>): AskedCall | null {
  try {
    const call = JSON.parse(json)
    return tools.has(call?.name) ? createCall(call.name, JSON.stringify(call.arguments ?? {})) : null
  } catch {
    return null
  }
}

function createCall (name: string, args: string): AskedCall {
  return { id: `call_${randomUUID().replaceAll('-', '')}`, name, arguments: args }
}

/** Counts the characters at the end of `text` that may be the beginning of `word`. */
function overlap (text: string, word: string): number {
  for (let length = Math.min(text.length, word.length - 1); length > 0; length--) {
    if (text.endsWith(word.slice(0, length))) return length
  }
  return 0
}
