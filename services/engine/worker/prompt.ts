import { randomBytes } from 'node:crypto'
import { SpecialToken, SpecialTokensText, resolveChatWrapper, type ChatHistoryItem, type ChatWrapper, type LlamaModel, type Token } from 'node-llama-cpp'
import type { Part, Turn } from '../engine.ts'

/** A run of tokens, or a picture by its index in the request. */
export type Segment = { type: 'text', tokens: Token[] } | { type: 'image', image: number }

export interface PromptRenderer {
  /**
   * Renders a conversation with the model's own chat template, ready for the assistant to answer.
   *
   * What the template says may be control tokens, what people say never is: an `<|im_end|>` that somebody types stays text.
   * Otherwise the tokens are those that llama.cpp makes of the rendered template.
   */
  render (turns: Turn[]): Segment[]
  /** Stands for a picture in a sequence's books, never evaluated. */
  placeholder: Token
}

type Piece = string | Token | { image: number }

/** @throws Error when the model has no chat template or, although it shall see pictures, no vision tokens */
export function createPromptRenderer (model: LlamaModel, seesPictures: boolean): PromptRenderer {
  const wrapper = resolveChatWrapper(model, {
    type: 'jinjaTemplate',
    // Two turns of one role stay two turns, as the template says.
    customWrapperSettings: { jinjaTemplate: { joinAdjacentMessagesOfTheSameType: false } }
  }) as ChatWrapper | null
  if (wrapper?.wrapperName !== 'JinjaTemplate') throw new Error('The model file has no chat template')

  const [visionStart, visionEnd, placeholder] = seesPictures
    ? ['<|vision_start|>', '<|vision_end|>', '<|image_pad|>'].map(text => controlToken(model, text))
    : [0, 0, 0].map(token => token as Token)

  function render (turns: Turn[]): Segment[] {
    // Nobody can send this sentinel: it is drawn anew for each request.
    const sentinel = randomBytes(16).toString('hex')
    const chatHistory = [...turns.map(turn => historyItem(turn, sentinel)), { type: 'model' as const, response: [] }]
    const { contextText } = wrapper!.generateContextState({ chatHistory })
    const pieces = contextText.values.flatMap((value): Piece[] => {
      if (typeof value !== 'string') return controlPieces(value, model)
      return splitAtImages(value, sentinel).flatMap((piece): Piece[] => typeof piece === 'object' ? [visionStart!, piece, visionEnd!] : [piece])
    })
    return toSegments(pieces, model)
  }

  return { render, placeholder: placeholder! }
}

/** @throws Error when the vocabulary has no such control token */
function controlToken (model: LlamaModel, text: string): Token {
  const tokens = model.tokenize(text, true)
  if (tokens.length !== 1) throw new Error(`The model has no ${text} token: it is not of the Qwen-VL family`)
  return tokens[0]!
}

function historyItem (turn: Turn, sentinel: string): ChatHistoryItem {
  const text = turn.parts.map(part => partText(part, sentinel)).join('')
  switch (turn.role) {
    case 'system': return { type: 'system', text }
    case 'user': return { type: 'user', text }
    case 'assistant': return { type: 'model', response: [text] }
  }
}

function partText (part: Part, sentinel: string): string {
  return part.type === 'text' ? part.text : `${sentinel}${part.image};`
}

function splitAtImages (text: string, sentinel: string): Piece[] {
  const [first, ...rest] = text.split(sentinel)
  const after = rest.flatMap((chunk): Piece[] => {
    const end = chunk.indexOf(';')
    return [{ image: Number(chunk.slice(0, end)) }, chunk.slice(end + 1)]
  })
  return [first!, ...after]
}

/** Text of the template: its control tokens as tokens, what lies between them as plain text. */
function controlPieces (value: SpecialToken | SpecialTokensText, model: LlamaModel): Piece[] {
  if (value instanceof SpecialToken) return value.tokenize(model.tokenizer)
  return value.tokenizeSpecialTokensOnly(model.tokenizer)
}

/** Neighbouring plain texts are tokenised as one, wherever they come from: "user\n" and "\nHi" share a token. */
function toSegments (pieces: Piece[], model: LlamaModel): Segment[] {
  const segments: Segment[] = []
  let tokens: Token[] = []
  let plain = ''
  const flushPlain = () => {
    // Not by spreading: a hundred thousand tokens are more arguments than a call takes.
    if (plain !== '') for (const token of model.tokenize(plain, false)) tokens.push(token)
    plain = ''
  }
  const flushTokens = () => {
    flushPlain()
    if (tokens.length > 0) segments.push({ type: 'text', tokens })
    tokens = []
  }
  for (const piece of pieces) {
    if (typeof piece === 'string') {
      plain += piece
    } else if (typeof piece === 'number') {
      flushPlain()
      tokens.push(piece)
    } else {
      flushTokens()
      segments.push({ type: 'image', image: piece.image })
    }
  }
  flushTokens()
  return segments
}

export function countTextTokens (segments: Segment[]): number {
  return segments.reduce((sum, segment) => sum + (segment.type === 'text' ? segment.tokens.length : 0), 0)
}
