import Negotiator from 'negotiator'

/** Browsers send some dozens of characters. Ordering thousands of languages would take noticeable time. */
const HEADER_MAX_CHARACTERS = 1_000

/** The languages of error sentences. Codes, logs and messages to operators are English only. */
export type Language = 'en' | 'zh'

/** A sentence, or a part of one, in every language. The constant ones are in `phrases.ts`. */
export type Phrase = Readonly<Record<Language, string>>

/**
 * Makes a phrase of a text that is the same in every language: a file name, an error code of the operating system, or a
 * message that a library writes in English only.
 */
export function verbatim (text: string): Phrase {
  return { en: text, zh: text }
}

/** Returns the language that `Accept-Language` prefers, and English if it lists neither English nor Chinese. */
export function preferredLanguage (acceptLanguage: string | undefined): Language {
  if (acceptLanguage === undefined) return 'en'
  const header = acceptLanguage.slice(0, HEADER_MAX_CHARACTERS)
  const wanted = new Negotiator({ headers: { 'accept-language': header } }).languages()
  // Regional tags such as zh-CN and zh-Hant select the same Chinese sentences.
  const first = wanted.map(tag => tag.toLowerCase().split('-')[0]).find(tag => tag === 'en' || tag === 'zh')
  return first === 'zh' ? 'zh' : 'en'
}
