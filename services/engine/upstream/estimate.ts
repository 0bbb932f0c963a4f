import type { Tool, Turn } from '../engine.ts'

// Estimates the number of tokens of a conversation without the model's tokenizer. Text is split as Qwen's tokenizer
// splits it before it uses its vocabulary. The number of tokens for each piece is chosen so that the sum is usually too
// high and rarely too low. Estimates relative to Qwen2's tokenizer: English, code and JSON 1.2 to 1.5, Chinese 1.4 to
// 1.8, other scripts 1 to 3; German 0.9, base64 and rare names down to 0.75.

/** Words with a preceding character, digits, runs of symbols, runs of white space. */
const PIECE = /[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+/gu
/** Runs within a word of Latin letters: `XML`, `Http`, `request`. */
const RUN = /[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g

/** Tokens that the template writes around a turn. */
const TURN_TOKENS = 6
/** Tokens of the default system prompt and of the beginning of the answer. */
const FRAME_TOKENS = 24
/** `<|vision_start|>` and `<|vision_end|>`. */
const IMAGE_TOKENS = 2
/** Tokens of the text with which templates introduce the list of tools. */
const TOOLS_TOKENS = 160
/** Tokens around a call and its result. */
const CALL_TOKENS = 24

/**
 * Estimates the tokens of a conversation without its images, but with the two tokens that enclose each image.
 * @param enough counting can stop above this number
 */
export function estimatePrompt (turns: Turn[], tools: Tool[], enough: number): number {
  let tokens = FRAME_TOKENS
  const add = (text: string) => { if (tokens <= enough) tokens += estimateTokens(text, enough - tokens) }
  const addParts = (parts: Turn['parts']) => {
    for (const part of parts) part.type === 'text' ? add(part.text) : tokens += IMAGE_TOKENS
  }
  for (const { parts, calls = [] } of turns) {
    tokens += TURN_TOKENS
    addParts(parts)
    for (const call of calls) {
      tokens += CALL_TOKENS
      add(call.name + JSON.stringify(call.arguments))
      addParts(call.result)
    }
  }
  if (tools.length > 0) tokens += TOOLS_TOKENS
  for (const tool of tools) add(JSON.stringify(tool))
  return tokens
}

/**
 * Estimates the tokens of a text.
 * @param enough counting stops above this number
 */
export function estimateTokens (text: string, enough = Infinity): number {
  let tokens = 0
  for (const [piece] of text.matchAll(PIECE)) {
    tokens += tokensOf(piece)
    if (tokens > enough) break
  }
  return tokens
}

function tokensOf (piece: string): number {
  if (!/\S/.test(piece)) return Math.ceil(piece.length / 8)
  const foreign = foreignTokens(piece)
  if (!/[\p{L}\p{N}]/u.test(piece)) return Math.max(1, Math.ceil(asciiLength(piece) / 2) + foreign)
  let tokens = foreign
  for (const [run] of piece.matchAll(RUN)) tokens += Math.ceil(run.length / (/[a-z]/.test(run) ? 5 : 2))
  return Math.max(1, tokens)
}

/** Estimates characters outside ASCII: one token each, or two if they have three bytes and are not East Asian. */
function foreignTokens (piece: string): number {
  let tokens = 0
  for (let i = 0; i < piece.length; i++) {
    const code = piece.charCodeAt(i)
    if (code >= 0x80) tokens += code >= 0x800 && code < 0x3000 ? 2 : 1
  }
  return tokens
}

function asciiLength (piece: string): number {
  let length = 0
  for (let i = 0; i < piece.length; i++) if (piece.charCodeAt(i) < 0x80) length++
  return length
}
