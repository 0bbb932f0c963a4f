import path from 'node:path'
import { readGgufFileInfo } from 'node-llama-cpp'
import { ROOT } from '../../config/root.ts'
import { DEMO } from '../../models/presets.ts'
import type { GgufValue } from '../../tools/lib/gguf.ts'

/** A vocabulary as in a GGUF file. The index of a token is its id. */
export interface Vocabulary {
  tokens: string[]
  /** llama.cpp's types: `NORMAL`, `CONTROL`, `USER_DEFINED`. */
  types: number[]
  merges: string[]
  /** Ends a document. */
  documentEnd: number
  /** Ends a turn. */
  turnEnd: number
}

export const NORMAL = 1
export const CONTROL = 3
export const USER_DEFINED = 4

/** The tokens of Qwen3 and later models that llama.cpp also finds in plain text. */
const USER_DEFINED_TOKENS =
  ['<tool_call>', '</tool_call>', '<tool_response>', '</tool_response>', '<think>', '</think>']
/** Two line breaks, in GPT-2's letters for bytes: one token for Qwen models, but not for the embedded model. */
const BLANK_LINE = 'ĊĊ'

interface GgufTokenizer {
  tokens: string[]
  token_type: number[]
  merges: string[]
  bos_token_id: number
  eos_token_id: number
}

/** Reads the vocabulary and the chat template of the embedded model. */
export async function readDemoVocabulary (): Promise<{ vocabulary: Vocabulary, template: string }> {
  const { metadata } = await readGgufFileInfo(path.join(ROOT, DEMO.model), { logWarnings: false })
  const tokenizer = metadata.tokenizer.ggml as unknown as GgufTokenizer
  return {
    vocabulary: {
      tokens: tokenizer.tokens,
      types: tokenizer.token_type,
      merges: tokenizer.merges,
      documentEnd: tokenizer.bos_token_id,
      turnEnd: tokenizer.eos_token_id
    },
    template: String(metadata.tokenizer.chat_template)
  }
}

/**
 * Adds the tokens of Qwen3 and later models that the embedded model lacks: those for thoughts and tool calls, and the
 * blank line.
 */
export function withQwen3Tokens (vocabulary: Vocabulary): Vocabulary {
  const { tokens, types, merges } = vocabulary
  return {
    ...vocabulary,
    tokens: [...tokens, BLANK_LINE, ...USER_DEFINED_TOKENS],
    types: [...types, NORMAL, ...USER_DEFINED_TOKENS.map(() => USER_DEFINED)],
    merges: [...merges, 'Ċ Ċ']
  }
}

/** @param pre llama.cpp's name of the rule that splits a text before merging */
export function tokenizerMetadata (
  vocabulary: Vocabulary, pre: 'qwen2' | 'qwen35', template: string
): Record<string, GgufValue> {
  return {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': pre,
    'tokenizer.ggml.tokens': { strings: vocabulary.tokens },
    'tokenizer.ggml.token_type': { int32s: vocabulary.types },
    'tokenizer.ggml.merges': { strings: vocabulary.merges },
    'tokenizer.ggml.bos_token_id': { uint32: vocabulary.documentEnd },
    'tokenizer.ggml.eos_token_id': { uint32: vocabulary.turnEnd },
    'tokenizer.ggml.padding_token_id': { uint32: vocabulary.documentEnd },
    'tokenizer.ggml.add_bos_token': false,
    'tokenizer.chat_template': template
  }
}

/** The bytes of tokens are spelled with GPT-2's letters: printable bytes as they are, the others from U+0100 on. */
const LETTER_OF_BYTE = new Map<number, string>()
const BYTE_OF_LETTER = new Map<string, number>()
for (let byte = 0, other = 0x100; byte < 256; byte++) {
  const isPrintable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad)
  const letter = String.fromCodePoint(isPrintable ? byte : other++)
  LETTER_OF_BYTE.set(byte, letter)
  BYTE_OF_LETTER.set(letter, byte)
}

/** Returns the letters of a text's bytes. */
export function spell (text: string): string {
  return Array.from(Buffer.from(text), byte => LETTER_OF_BYTE.get(byte)!).join('')
}

/** Returns whether a normal token is text by itself: neither a part of a character nor a control character. */
export function isText (token: string): boolean {
  const bytes = Uint8Array.from(token, letter => BYTE_OF_LETTER.get(letter) ?? 0xff)
  return !/[\p{Cc}�]/u.test(Buffer.from(bytes).toString('utf8').replaceAll('\n', ''))
}

const SPLIT =
  /(?:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/giu

/**
 * Tokenizes a text as llama.cpp does, with special tokens. Texts with combining marks are not supported: `qwen2` and
 * `qwen35` split them differently.
 */
export function tokenize ({ tokens, types, merges }: Vocabulary, text: string): number[] {
  const special = tokens.map((token, id) => ({ token, id })).filter(({ id }) => types[id] !== NORMAL)
  const ids = new Map(tokens.map((token, id) => [token, id]))
  const ranks = new Map(merges.map((merge, rank) => [merge, rank]))
  const result: number[] = []
  for (let at = 0; at < text.length;) {
    const here = special.find(({ token }) => text.startsWith(token, at))
    if (here) {
      result.push(here.id)
      at += here.token.length
      continue
    }
    const starts = special.map(({ token }) => text.indexOf(token, at)).filter(start => start > at)
    const end = Math.min(text.length, ...starts)
    for (const [piece] of text.slice(at, end).matchAll(SPLIT)) {
      result.push(...merge(spell(piece), ranks).map(token => ids.get(token)!))
    }
    at = end
  }
  return result
}

/** Byte-pair encoding: merges the neighbours of the lowest rank until no merge is left. */
function merge (word: string, ranks: Map<string, number>): string[] {
  const parts = Array.from(word)
  for (;;) {
    let best = -1
    let bestRank = Infinity
    for (let i = 0; i + 1 < parts.length; i++) {
      const rank = ranks.get(`${parts[i]} ${parts[i + 1]}`) ?? Infinity
      if (rank < bestRank) [best, bestRank] = [i, rank]
    }
    if (best === -1) return parts
    parts.splice(best, 2, parts[best]! + parts[best + 1]!)
  }
}
