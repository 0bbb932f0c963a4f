import { InvalidFieldError, InvalidJsonError, ToolsNotSupportedError } from '../../errors/catalogue.ts'
import { BODY_FAULTS, FIELD_FAULTS, OPENAI_FAULTS } from '../../errors/phrases.ts'
import { createCheck, placeOf, toFieldError } from '../../schemas/check.ts'
import {
  CompletionRequestSchema, type CompletionRequest, type RequestedTool, type ToolChoice
} from '../../schemas/openai-request.ts'
import { toConstraint } from '../chat/answer-format.ts'
import { DEFAULT_MAX_TOKENS, type ChatQuestion, type Constraint, type OfferedTool } from '../chat/request.ts'
import type { ToolSyntax } from '../engine/engine.ts'
import { sentName, translateFields, type Translation } from './dialects.ts'
import { readMessages, type WantedSource } from './messages.ts'
import { readThinking } from './thinking.ts'
import { translateChoice } from './tool-variants.ts'

const check = createCheck(CompletionRequestSchema)

/** The names that fields have in the body, by request. */
const names = new WeakMap<object, Pick<Translation, 'sent'>>()

/**
 * Converts the body of a completion request from the dialects of clients and checks it. Fields that are null are left
 * out, because clients send null for fields that they do not set.
 * @throws InvalidJsonError, InvalidFieldError
 */
export function parseCompletionRequest (body: unknown): CompletionRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new InvalidJsonError(BODY_FAULTS.mustBeObject)
  }
  const translation = translateFields(body as Record<string, unknown>)
  const given = withoutIdleChoice(translateChoice(translation.fields))
  const fault = check(given)
  if (fault) throw toFieldError({ ...fault, steps: [sentName(translation, placeOf(fault.steps))] })
  names.set(given, translation)
  return given as CompletionRequest
}

/** Without tools a model cannot choose one. */
function withoutIdleChoice ({ tool_choice: choice, ...rest }: Record<string, unknown>): Record<string, unknown> {
  const isIdle = choice === undefined || (rest.tools === undefined && (choice === 'auto' || choice === 'none'))
  return isIdle ? rest : { ...rest, tool_choice: choice }
}

/** The tools that the model may call, and the constraints on its answer. */
interface Demands {
  tools: OfferedTool[]
  constraint: Constraint | null
  /** The answer ends with its first call. */
  singleCall: boolean
}

/**
 * Converts a completion request to a question.
 * @param syntax how the loaded model calls tools; null if it cannot
 * @returns the question, and the images that its parts name by index
 * @throws InvalidFieldError, ToolsNotSupportedError
 */
export function toCompletionQuestion (
  request: CompletionRequest, syntax: ToolSyntax | null
): { question: ChatQuestion, images: WantedSource[] } {
  const { turns, images } = readMessages(request.messages)
  const stop = typeof request.stop === 'string' ? [request.stop] : request.stop ?? []
  const { tools, constraint, singleCall } = readDemands(request)
  const hasCalls = turns.some(turn => turn.calls !== undefined)
  if (syntax === null && (tools.length > 0 || hasCalls)) throw new ToolsNotSupportedError()
  const question = {
    turns,
    tools: tools.map(({ name, description, parameters }) => ({ name, description, parameters })),
    maxTokens: maxTokensOf(request),
    thinking: readThinking(request, field => sentName(names.get(request) ?? { sent: new Map() }, field)),
    stop,
    constraint,
    singleCall,
    sampling: {
      // A top_p of 0 leaves nothing but the most likely token.
      temperature: request.top_p === 0 ? 0 : request.temperature,
      topP: request.top_p === 0 ? undefined : request.top_p,
      topK: request.top_k,
      minP: request.min_p,
      repeatPenalty: request.repeat_penalty,
      frequencyPenalty: request.frequency_penalty,
      presencePenalty: request.presence_penalty,
      // The OpenAI API accepts any integer; the sampler's seed has 32 bits.
      seed: request.seed === undefined ? undefined : request.seed >>> 0
    }
  }
  return { question, images }
}

/** @throws InvalidFieldError if the two names of the field contradict each other */
function maxTokensOf ({ max_completion_tokens: tokens, max_tokens: older }: CompletionRequest): number {
  if (tokens !== undefined && older !== undefined && tokens !== older) {
    throw new InvalidFieldError('max_completion_tokens', OPENAI_FAULTS.contradicts('max_tokens'))
  }
  return tokens ?? older ?? DEFAULT_MAX_TOKENS
}

function readDemands (request: CompletionRequest): Demands {
  const constraint = toConstraint(request.response_format)
  const tools = offeredTools(request.tools ?? [])
  const choice = request.tool_choice ?? (tools.length > 0 ? 'auto' : 'none')
  if (choice === 'none') return { tools: [], constraint, singleCall: false }
  if (tools.length === 0) throw new InvalidFieldError('tool_choice', OPENAI_FAULTS.needsTools)
  if (constraint !== null) throw new InvalidFieldError('response_format', OPENAI_FAULTS.excludesTools)
  const required = requiredTools(choice, tools)
  const singleCall = request.parallel_tool_calls === false
  return { tools, constraint: required.length > 0 ? { type: 'call', tools: required, singleCall } : null, singleCall }
}

function offeredTools (tools: RequestedTool[]): OfferedTool[] {
  const names = new Set<string>()
  return tools.map(({ function: { name, description, parameters, strict } }, index) => {
    const field = `tools[${index}]`
    if (names.has(name)) throw new InvalidFieldError(`${field}.function.name`, FIELD_FAULTS.repeated)
    names.add(name)
    return { field, name, description, parameters, strict: strict === true }
  })
}

function requiredTools (choice: Exclude<ToolChoice, 'none'>, tools: OfferedTool[]): OfferedTool[] {
  if (choice === 'auto') return []
  if (choice === 'required') return tools
  const found = tools.filter(tool => tool.name === choice.function.name)
  if (found.length === 0) throw new InvalidFieldError('tool_choice.function.name', OPENAI_FAULTS.unknownTool)
  return found
}
