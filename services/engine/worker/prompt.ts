import { randomBytes } from 'node:crypto'
import {
  LlamaText, SpecialToken, SpecialTokensText, resolveChatWrapper, type ChatHistoryItem, type ChatModelFunctionCall,
  type ChatModelFunctions, type JinjaTemplateChatWrapper, type LlamaModel, type Token
} from 'node-llama-cpp'
import type { Part, Tool, ToolCall, ToolSyntax, Turn } from '../engine.ts'

/** A run of tokens, or an image by its index in the request. */
export type Segment = { type: 'text', tokens: Token[] } | { type: 'image', image: number }

export interface PromptRenderer {
  /**
   * Renders a conversation with the model's own chat template, up to the beginning of the assistant's answer.
   *
   * Only the template's text can become control tokens: an `<|im_end|>` that a user types remains text. Apart from
   * that, the tokens equal those of llama.cpp for the rendered template.
   * @param tools must be empty if `toolSyntax` is null
   */
  render (turns: Turn[], tools: Tool[]): Segment[]
  /** The token that begins a turn; null if the vocabulary has none. */
  turnStart: Token | null
  /** The format of tool calls; null if the template does not support tools. */
  toolSyntax: ToolSyntax | null
}

type Piece = string | Token | { image: number }

/** Number of inspected conversations to keep until they are answered. Some are never answered. */
const MAX_REMEMBERED = 16

/** Renders a conversation once for its two uses: `inspect`, when the request is planned, and `generate`. */
export class RenderedPrompts {
  readonly #render: PromptRenderer['render']
  /** The oldest first. */
  #segments = new Map<string, Segment[]>()

  constructor (render: PromptRenderer['render']) {
    this.#render = render
  }

  /** Renders a conversation and keeps the result for `take`. */
  render (turns: Turn[], tools: Tool[]): Segment[] {
    const segments = this.#render(turns, tools)
    this.#segments.set(JSON.stringify([turns, tools]), segments)
    const [oldest] = this.#segments.keys()
    if (this.#segments.size > MAX_REMEMBERED) this.#segments.delete(oldest!)
    return segments
  }

  /** Returns and removes the kept result, or renders. */
  take (turns: Turn[], tools: Tool[]): Segment[] {
    const key = JSON.stringify([turns, tools])
    const segments = this.#segments.get(key) ?? this.#render(turns, tools)
    this.#segments.delete(key)
    return segments
  }
}

/**
 * @param seesImages requires the vision tokens of the Qwen-VL family
 * @throws Error when the model has no chat template, or lacks required vision tokens
 */
export function createPromptRenderer (model: LlamaModel, seesImages: boolean): PromptRenderer {
  const wrapper = resolveChatWrapper(model, {
    type: 'jinjaTemplate',
    // Two adjacent turns of one role remain two turns: joining them is the template's decision.
    customWrapperSettings: { jinjaTemplate: { joinAdjacentMessagesOfTheSameType: false } }
  }) as JinjaTemplateChatWrapper | null
  if (wrapper?.wrapperName !== 'JinjaTemplate') throw new Error('The model file has no chat template')

  const [visionStart, visionEnd] = seesImages
    ? ['<|vision_start|>', '<|vision_end|>'].map(text => controlToken(model, text))
    : [0, 0].map(token => token as Token)

  function render (turns: Turn[], tools: Tool[]): Segment[] {
    // The marks are random for each call, so a client cannot send them.
    const marks: Marks = { image: randomBytes(16).toString('hex'), angle: randomBytes(16).toString('hex') }
    const { contextText } = wrapper!.generateContextState({
      chatHistory: toHistory(turns, marks),
      availableFunctions: tools.length === 0 ? undefined : toFunctions(tools, marks)
    })
    const pieces = contextText.values.flatMap((value): Piece[] => {
      if (typeof value !== 'string') return controlPieces(value, model, marks)
      return splitAtImages(value, marks.image).flatMap((piece): Piece[] =>
        typeof piece === 'object' ? [visionStart!, piece, visionEnd!] : [piece])
    })
    return toSegments(pieces, model)
  }

  const start = model.tokenize('<|im_start|>', true)
  return { render, toolSyntax: syntaxOf(wrapper), turnStart: start.length === 1 ? start[0]! : null }
}

/** @throws Error when the vocabulary does not contain the control token */
function controlToken (model: LlamaModel, text: string): Token {
  const tokens = model.tokenize(text, true)
  if (tokens.length !== 1) throw new Error(`The model has no ${text} token: it is not of the Qwen-VL family`)
  return tokens[0]!
}

/** Placeholders in a rendered prompt. */
interface Marks {
  /** Marks an image. Its index and a semicolon follow. */
  image: string
  /**
   * Replaces `<` in values that the template writes as JSON between its own text, so that they cannot form control
   * tokens.
   */
  angle: string
}

function syntaxOf (wrapper: JinjaTemplateChatWrapper): ToolSyntax | null {
  if (!wrapper.usingJinjaFunctionCallTemplate) return null
  const { prefix, paramsPrefix, suffix } = wrapper.settings.functions.call
  const [begin, separator, end] = [prefix, paramsPrefix, suffix].map(text =>
    LlamaText(text).values
      .map(value => value instanceof SpecialToken ? '' : typeof value === 'string' ? value : value.value)
      .join(''))
  // This is the format of Qwen and many other models. Calls in other formats cannot be recognised, so tools are off.
  const open = /^\s*(<[^<>\s]+>)\s*\{\s*"name":\s*"$/.exec(begin!)?.[1]
  const close = /^\s*\}\s*(<\/[^<>\s]+>)\s*$/.exec(end!)?.[1]
  return open && close ? { open, close, begin: begin!, separator: separator!, end: end! } : null
}

/** Converts the conversation to node-llama-cpp's format and appends an empty answer. */
function toHistory (turns: Turn[], marks: Marks): ChatHistoryItem[] {
  const items: ChatHistoryItem[] = []
  for (const turn of [...turns, { role: 'assistant' as const, parts: [] }]) {
    const text = textOf(turn.parts, marks)
    const before = items.at(-1)
    if (turn.role !== 'assistant') {
      items.push({ type: turn.role, text })
      continue
    }
    const response = [...text === '' ? [] : [text], ...(turn.calls ?? []).map(call => toFunctionCall(call, marks))]
    // Text after the results of calls belongs to the same item; in a new item, an empty answer would precede it.
    if (before?.type === 'model' && typeof before.response.at(-1) === 'object') before.response.push(...response)
    else items.push({ type: 'model', response })
  }
  return items
}

function textOf (parts: Part[], marks: Marks): string {
  return parts.map(part => part.type === 'text' ? part.text : `${marks.image}${part.image};`).join('')
}

function toFunctionCall (call: ToolCall, marks: Marks): ChatModelFunctionCall {
  return {
    type: 'functionCall', name: call.name, params: maskAngles(call.arguments, marks), result: textOf(call.result, marks)
  }
}

function toFunctions (tools: Tool[], marks: Marks): ChatModelFunctions {
  return Object.fromEntries(tools.map(({ name, description, parameters }) => [name, {
    description: maskAngles(description, marks),
    params: maskAngles(parameters, marks) as ChatModelFunctions[string]['params']
  }]))
}

function maskAngles<T> (value: T, marks: Marks): T {
  if (typeof value === 'string') return value.replaceAll('<', marks.angle) as T
  if (Array.isArray(value)) return value.map(item => maskAngles(item, marks)) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [maskAngles(key, marks), maskAngles(item, marks)])
  ) as T
}

function splitAtImages (text: string, sentinel: string): Piece[] {
  const [first, ...rest] = text.split(sentinel)
  const after = rest.flatMap((chunk): Piece[] => {
    const end = chunk.indexOf(';')
    return [{ image: Number(chunk.slice(0, end)) }, chunk.slice(end + 1)]
  })
  return [first!, ...after]
}

/** Splits text of the template into control tokens and plain text. */
function controlPieces (value: SpecialToken | SpecialTokensText, model: LlamaModel, { angle }: Marks): Piece[] {
  if (value instanceof SpecialToken) return value.tokenize(model.tokenizer)
  // In JSON, \u003c is another notation for the same character.
  const text = value.value.includes(angle) ? new SpecialTokensText(value.value.replaceAll(angle, '\\u003c')) : value
  return text.tokenizeSpecialTokensOnly(model.tokenizer)
}

/**
 * Tokenizes adjacent pieces of plain text as one string, because a token can span their border: "user\n" and "\nHi".
 */
function toSegments (pieces: Piece[], model: LlamaModel): Segment[] {
  const segments: Segment[] = []
  let tokens: Token[] = []
  let plain = ''
  const flushPlain = () => {
    // push(...tokens) would exceed the maximum number of arguments of a call.
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
