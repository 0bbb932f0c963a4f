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
   * Renders a conversation with the model's own chat template, ready for the assistant to answer.
   *
   * What the template says may be control tokens, what people say never is: an `<|im_end|>` that somebody types stays text.
   * Otherwise the tokens are those that llama.cpp makes of the rendered template.
   * @param tools only where there is a `toolSyntax`
   */
  render (turns: Turn[], tools: Tool[]): Segment[]
  /** How the template writes calls; null when it knows no tools. */
  toolSyntax: ToolSyntax | null
}

type Piece = string | Token | { image: number }

/** Conversations that were inspected and not answered yet; more than slots, because some never are. */
const MOST_REMEMBERED = 16

/** Renders a conversation once, although it is looked at twice: when its request is planned, and when it is answered. */
export class RenderedPrompts {
  readonly #render: PromptRenderer['render']
  /** The oldest first. */
  #segments = new Map<string, Segment[]>()

  constructor (render: PromptRenderer['render']) {
    this.#render = render
  }

  /** Renders and keeps it. */
  look (turns: Turn[], tools: Tool[]): Segment[] {
    const segments = this.#render(turns, tools)
    this.#segments.set(JSON.stringify([turns, tools]), segments)
    const [oldest] = this.#segments.keys()
    if (this.#segments.size > MOST_REMEMBERED) this.#segments.delete(oldest!)
    return segments
  }

  /** Takes what was kept, or renders. */
  take (turns: Turn[], tools: Tool[]): Segment[] {
    const key = JSON.stringify([turns, tools])
    const segments = this.#segments.get(key) ?? this.#render(turns, tools)
    this.#segments.delete(key)
    return segments
  }
}

/** @throws Error when the model has no chat template or, although it shall see images, no vision tokens */
export function createPromptRenderer (model: LlamaModel, seesImages: boolean): PromptRenderer {
  const wrapper = resolveChatWrapper(model, {
    type: 'jinjaTemplate',
    // Two turns of one role stay two turns, as the template says.
    customWrapperSettings: { jinjaTemplate: { joinAdjacentMessagesOfTheSameType: false } }
  }) as JinjaTemplateChatWrapper | null
  if (wrapper?.wrapperName !== 'JinjaTemplate') throw new Error('The model file has no chat template')

  const [visionStart, visionEnd] = seesImages
    ? ['<|vision_start|>', '<|vision_end|>'].map(text => controlToken(model, text))
    : [0, 0].map(token => token as Token)

  function render (turns: Turn[], tools: Tool[]): Segment[] {
    // Nobody can send these: they are drawn anew for each request.
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

  return { render, toolSyntax: syntaxOf(wrapper) }
}

/** @throws Error when the vocabulary has no such control token */
function controlToken (model: LlamaModel, text: string): Token {
  const tokens = model.tokenize(text, true)
  if (tokens.length !== 1) throw new Error(`The model has no ${text} token: it is not of the Qwen-VL family`)
  return tokens[0]!
}

/** What stands in a prompt for something else until it is tokenised. */
interface Marks {
  /** An image; its index and a semicolon follow. */
  image: string
  /** A `<` in what the template writes as JSON, together with its own text: it must not become part of a control token. */
  angle: string
}

function syntaxOf (wrapper: JinjaTemplateChatWrapper): ToolSyntax | null {
  if (!wrapper.usingJinjaFunctionCallTemplate) return null
  const { prefix, paramsPrefix, suffix } = wrapper.settings.functions.call
  const [begin, separator, end] = [prefix, paramsPrefix, suffix].map(text =>
    LlamaText(text).values
      .map(value => value instanceof SpecialToken ? '' : typeof value === 'string' ? value : value.value)
      .join(''))
  // Qwen's way, and that of many others; a call in another form would not be recognised.
  const open = /^\s*(<[^<>\s]+>)\s*\{\s*"name":\s*"$/.exec(begin!)?.[1]
  const close = /^\s*\}\s*(<\/[^<>\s]+>)\s*$/.exec(end!)?.[1]
  return open && close ? { open, close, begin: begin!, separator: separator!, end: end! } : null
}

/** The conversation as node-llama-cpp has it, with an answer to come. */
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
    // What is said after the results of calls belongs to the same item: otherwise an empty answer would stand between.
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

/** Text of the template: its control tokens as tokens, what lies between them as plain text. */
function controlPieces (value: SpecialToken | SpecialTokensText, model: LlamaModel, { angle }: Marks): Piece[] {
  if (value instanceof SpecialToken) return value.tokenize(model.tokenizer)
  // JSON may write any character in this way.
  const text = value.value.includes(angle) ? new SpecialTokensText(value.value.replaceAll(angle, '\\u003c')) : value
  return text.tokenizeSpecialTokensOnly(model.tokenizer)
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
