import t from 'tap'
import type { Phrase } from '../../errors/language.ts'
import * as groups from '../../errors/phrases.ts'

type Entry = Phrase | ((...args: never[]) => Phrase)

/** The arguments of phrases that contain numbers or names. */
const ARGUMENTS: Record<string, unknown[]> = {
  'FIELD_FAULTS.transferEncoding': ['quoted-printable'],
  'FIELD_FAULTS.notBase64': ['#', 3],
  'FIELD_FAULTS.notSet': ['undefined'],
  'FIELD_FAULTS.notInCharset': ['UTF-8'],
  'FIELD_FAULTS.unknownCharset': ['x-unknown'],
  'JSON_FAULTS.repeated': ['seed'],
  'UNKNOWN_FIELD_ADVICE.didYouMean': ['images'],
  'UNKNOWN_FIELD_ADVICE.item': ['images'],
  'UNKNOWN_FIELD_ADVICE.whole': ['response_format'],
  'THINKING_FAULTS.cannot': ['Qwen3VL'],
  'THINKING_FAULTS.tooMany': [4096],
  'OPENAI_FAULTS.contradicts': ['thinking'],
  'BODY_FAULTS.crowd': [1000],
  'BODY_FAULTS.notFormData': [2],
  'FETCH_FAULTS.tooLong': [8192],
  'FETCH_FAULTS.tooManyRedirects': [3],
  'FETCH_FAULTS.status': [404],
  'FETCH_FAULTS.tooSlow': [15],
  'FETCH_FAULTS.afterRedirect': [groups.FETCH_FAULTS.notUrl],
  'IMAGE_KINDS.rawOf': ['Canon'],
  'IMAGE_KINDS.tiffCompressed': ['LZMA'],
  'IMAGE_KINDS.jpegBits': [12],
  'IMAGE_KINDS.tiffMethod': [99],
  'IMAGE_KINDS.tiffColour': ['Lab'],
  'IMAGE_KINDS.tiffPacked': [12],
  'IMAGE_KINDS.tiffChannels': [7],
  'IMAGE_FAULTS.otherContent': ['AVIF'],
  'IMAGE_FAULTS.tooSlow': [30],
  'IMAGE_FAULTS.tooMuchMemory': [512],
  'NOT_READY.downloading': ['model.gguf', 50]
}

const phrases = Object.entries(groups).flatMap(([group, entries]) =>
  Object.entries(entries as Record<string, Entry>).map(([key, entry]) => {
    const name = `${group}.${key}`
    return { name, phrase: typeof entry === 'function' ? entry(...ARGUMENTS[name] as never[]) : entry }
  }))

t.test('every phrase is written in English and in Chinese', async t => {
  t.ok(phrases.length > 70)
  for (const { name, phrase: { en, zh } } of phrases) {
    t.match(en, /^[\x20-\x7e…]+$/, `${name} is English`)
    t.match(zh, /[\u4e00-\u9fff]/, `${name} is Chinese`)
    t.notOk(zh.includes(en), `${name} does not repeat the English`)
    t.equal(en.trim() + zh.trim(), en + zh, `${name} has no blanks at its ends`)
  }
})

t.test('both languages of a phrase name the same numbers and quoted fields', async t => {
  for (const { name, phrase: { en, zh } } of phrases) {
    const facts = (sentence: string) => sentence.match(/\d+|"[a-z_]+"/g)?.sort()
    t.strictSame(facts(zh), facts(en), name)
  }
})
