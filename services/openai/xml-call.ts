import { FUNCTION, PARAMETER } from '../engine/call-tags.ts'

/** A function and its parameters, as an XML-form model writes them: `<function=NAME>` … `</function>`. */
export interface XmlCall {
  name: string
  /** Names and texts in the order of the answer. A name may occur twice. */
  parameters: Array<[name: string, text: string]>
  /** Index after the call. */
  end: number
  /** False if the answer ended before `</function>`, but not within a parameter. */
  closed: boolean
}

/** `partial`: the text ends before the call does. `none`: the text is no call. */
export type XmlScan = XmlCall | 'partial' | 'none'

const BLANKS = /\s*/y
/** Names of functions and parameters are on one line. */
const NAME = /([^\n<>]*)(>?)/y

/**
 * Creates a reader of one call. The white space around tags is free, because models vary it.
 *
 * A parameter ends at the first `</parameter>` that is followed by the next parameter or by the end of the function.
 * Any other `</parameter>` is a part of its text.
 *
 * @param start index of the call in the text that the reader gets, or of the white space before it
 * @returns a function that reads the text up to its end. Calls of it with a longer text continue where the last one
 *   ended. If `final`, no text follows.
 */
export function createXmlScan (start: number): (text: string, final: boolean) => XmlScan {
  const parameters: XmlCall['parameters'] = []
  let name: string | null = null
  /** The parameter whose end is searched. */
  let parameter: { name: string, start: number, from: number } | null = null
  let at = start

  /** Reads a name up to `>`. */
  function readName (text: string): 'partial' | 'none' | string[] {
    NAME.lastIndex = at
    const [all, found, end] = NAME.exec(text)!
    if (end === '') return at + all.length === text.length ? 'partial' : 'none'
    at += all.length
    return [found!.trim()]
  }

  /** Returns true if the parameter ends within the text. */
  function readParameter (text: string, { name, start, from }: NonNullable<typeof parameter>, final: boolean): boolean {
    for (let close = text.indexOf(PARAMETER.close, from); close !== -1; close = text.indexOf(PARAMETER.close, from)) {
      const end = close + PARAMETER.close.length
      const next = skipBlanks(text, end)
      const tag = tagAt(text, next, [PARAMETER.open, FUNCTION.close])
      if (tag === 'partial' && !(final && next === text.length)) {
        parameter!.from = close
        return false
      }
      if (tag !== 'none') {
        parameters.push([name, text.slice(start, close).replace(/^\n/, '').replace(/\n$/, '')])
        at = end
        return true
      }
      from = close + 1
    }
    parameter!.from = Math.max(from, text.length - PARAMETER.close.length)
    return false
  }

  return (text, final) => {
    if (name === null) {
      const before = skipBlanks(text, start)
      const tag = tagAt(text, before, [FUNCTION.open])
      if (tag === 'partial' || tag === 'none') return tag
      at = before + tag.length
      const found = readName(text)
      if (typeof found === 'string') return found
      name = found[0]!
    }
    for (;;) {
      if (parameter !== null) {
        if (!readParameter(text, parameter, final)) return 'partial'
        parameter = null
      }
      const before = skipBlanks(text, at)
      if (final && before === text.length) return { name, parameters, end: before, closed: false }
      const tag = tagAt(text, before, [PARAMETER.open, FUNCTION.close])
      if (tag === 'partial' || tag === 'none') return tag
      at = before + tag.length
      if (tag === FUNCTION.close) return { name, parameters, end: at, closed: true }
      const found = readName(text)
      if (typeof found === 'string') {
        at = before
        return found
      }
      parameter = { name: found[0]!, start: at, from: at }
    }
  }
}

/** Returns the index of the next character that is no white space. */
export function skipBlanks (text: string, at: number): number {
  BLANKS.lastIndex = at
  return at + BLANKS.exec(text)![0].length
}

/** Returns the tag at a place; `partial` if the text ends within one. */
export function tagAt<T extends string> (text: string, at: number, tags: T[]): T | 'partial' | 'none' {
  const rest = text.slice(at, at + Math.max(...tags.map(tag => tag.length)))
  return tags.find(tag => rest.startsWith(tag)) ?? (tags.some(tag => tag.startsWith(rest)) ? 'partial' : 'none')
}
