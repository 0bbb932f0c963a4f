import { randomUUID } from 'node:crypto'
import type { Tool, ToolSyntax } from '../engine/engine.ts'

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
  /** Returns the rest at the end of the answer. A call that is incomplete, or of an unknown tool, counts as text. */
  end (): AnswerPart
}

/** The reader for answers without tools. */
export const PLAIN_READER: CallReader = { push: text => ({ text, calls: [] }), end: () => ({ text: '', calls: [] }) }

/** @param singleCall drop everything after the first call */
export function createCallReader ({ open, close }: ToolSyntax, tools: Tool[], singleCall = false): CallReader {
  const names = new Set(tools.map(tool => tool.name))
  const words = createWordReader()
  let held = ''
  let isOver = false

  function read (final: boolean): AnswerPart {
    let text = ''
    const calls: AskedCall[] = []
    while (held !== '' && !isOver) {
      const start = held.indexOf(open)
      if (start === -1) {
        const keep = final ? 0 : overlap(held, open)
        text += words.push(held.slice(0, held.length - keep))
        held = held.slice(held.length - keep)
        break
      }
      text += words.push(held.slice(0, start))
      held = held.slice(start)
      const stop = held.indexOf(close, open.length)
      // A model may end its answer without the closing tag.
      if (stop === -1 && !final) break
      const whole = stop === -1 ? held : held.slice(0, stop + close.length)
      const call = parseCall(held.slice(open.length, stop === -1 ? undefined : stop), names)
      if (call) {
        calls.push(call)
        words.call()
        isOver = singleCall
      } else {
        text += words.push(whole)
      }
      held = held.slice(whole.length)
    }
    if (isOver) held = ''
    return { text: final ? text + words.end() : text, calls }
  }

  return {
    push (text) {
      held += text
      return read(false)
    },
    end: () => read(true)
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

function parseCall (json: string, names: Set<string>): AskedCall | null {
  try {
    const call = JSON.parse(json)
    if (!names.has(call?.name)) return null
    return {
      id: `call_${randomUUID().replaceAll('-', '')}`, name: call.name, arguments: JSON.stringify(call.arguments ?? {})
    }
  } catch {
    return null
  }
}

/** Counts the characters at the end of `text` that may be the beginning of `word`. */
function overlap (text: string, word: string): number {
  for (let length = Math.min(text.length, word.length - 1); length > 0; length--) {
    if (text.endsWith(word.slice(0, length))) return length
  }
  return 0
}
