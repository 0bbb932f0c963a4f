import type { Phrase } from '../../errors/language.ts'

/** The error for a text that is not JSON. */
export class JsonFault extends Error {
  /** Completes the sentence `The JSON body is rejected: …`. */
  readonly phrase: Phrase
  /** Bytes before the fault. */
  readonly position: number

  /** @param what what is wrong there, e.g. `a colon is missing` */
  constructor (what: Phrase, position: number, line: number) {
    const phrase = {
      en: `${what.en} at byte ${position} (line ${line})`, zh: `第 ${position} 字节（第 ${line} 行）处${what.zh}`
    }
    super(phrase.en)
    this.phrase = phrase
    this.position = position
  }
}
