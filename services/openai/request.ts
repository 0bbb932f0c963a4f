import { InvalidFieldError, ToolsNotSupportedError } from '../../errors/catalogue.ts'
import type { Phrase } from '../../errors/language.ts'
import { FIELD_FAULTS, OPENAI_FAULTS } from '../../errors/phrases.ts'
import { checkCount, checkField } from '../../schemas/fault.ts'
import { CompletionFieldsSchema, ToolSchema, type CompletionFields } from '../../schemas/openai.ts'
import { TOOLS_MAX } from '../../schemas/limits.ts'
import { toConstraint } from '../chat/answer-format.ts'
import {
  DEFAULT_MAX_TOKENS, type ChatQuestion, type ChatTurn, type Constraint, type OfferedTool
} from '../chat/request.ts'
import type { ToolSyntax } from '../engine/engine.ts'
import type { Body, RawFields } from '../uploads/body.ts'
import { readMessages } from './messages.ts'

/** What a client of `/v1/chat/completions` asks, checked. */
export interface CompletionRequest {
  fields: CompletionFields
  turns: ChatTurn[]
  /** Those that the model may call: none with `tool_choice: 'none'`. */
  tools: OfferedTool[]
  constraint: Constraint | null
  /** `parallel_tool_calls: false`. */
  singleCall: boolean
}

/** Fields that would change the answer and cannot be honoured. What is in neither list is ignored, as other servers do. */
const REFUSED: Record<string, { when: (value: unknown) => boolean, fault: Phrase }> = {
  n: { when: value => value !== 1, fault: OPENAI_FAULTS.onlyOneAnswer },
  logprobs: { when: value => value !== false, fault: OPENAI_FAULTS.noProbabilities },
  top_logprobs: { when: value => value !== 0, fault: OPENAI_FAULTS.noProbabilities },
  logit_bias: {
    when: value => typeof value !== 'object' || Object.keys(value!).length > 0, fault: OPENAI_FAULTS.unsupported
  },
  audio: { when: () => true, fault: OPENAI_FAULTS.unsupported },
  modalities: {
    when: value => !Array.isArray(value) || value.some(it => it !== 'text'), fault: OPENAI_FAULTS.onlyText
  },
  functions: { when: () => true, fault: OPENAI_FAULTS.useTools },
  function_call: { when: () => true, fault: OPENAI_FAULTS.useToolChoice }
}

/**
 * Checks the body of a completion request and takes its images out.
 * @throws InvalidFieldError
 */
export function readCompletionBody (body: RawFields): Body<CompletionRequest> {
  // Clients write null for what they do not say.
  const given = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null))
  for (const [name, { when, fault }] of Object.entries(REFUSED)) {
    if (name in given && when(given[name])) throw new InvalidFieldError(name, fault)
  }
  const fields: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries(CompletionFieldsSchema.properties)) {
    const value = name === 'stop' && typeof given.stop === 'string' ? [given.stop] : given[name]
    if (value === undefined && name === 'model') throw new InvalidFieldError(name, OPENAI_FAULTS.required)
    if (value === undefined) continue
    checkField(name, schema, value)
    fields[name] = value
  }
  const { turns, images } = readMessages(given.messages)
  const checked = fields as CompletionFields
  return { fields: { fields: checked, turns, ...readTools(given, checked) }, images, historyImages: [] }
}

function readTools (
  given: RawFields, { response_format: format, stop, parallel_tool_calls: parallel }: CompletionFields
): Pick<CompletionRequest, 'tools' | 'constraint' | 'singleCall'> {
  const constraint = toConstraint(format, stop)
  const tools = offeredTools(given.tools)
  const choice = given.tool_choice ?? (tools.length > 0 ? 'auto' : 'none')
  if (choice === 'none') return { tools: [], constraint, singleCall: false }
  if (tools.length === 0) throw new InvalidFieldError('tool_choice', OPENAI_FAULTS.needsTools)
  if (constraint !== null) {
    throw new InvalidFieldError('response_format', OPENAI_FAULTS.excludesTools)
  }
  const required = requiredTools(choice, tools)
  return {
    tools, constraint: required.length > 0 ? { type: 'call', tools: required } : null, singleCall: parallel === false
  }
}

function offeredTools (value: unknown): OfferedTool[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw new InvalidFieldError('tools', OPENAI_FAULTS.mustBeTools)
  checkCount('tools', value.length, TOOLS_MAX, { en: 'tools', zh: '个工具' })
  const names = new Set<string>()
  return value.map((entry, index): OfferedTool => {
    const field = `tools[${index}]`
    checkField(field, ToolSchema, entry)
    const { name, description, parameters, strict } = entry.function
    if (names.has(name)) throw new InvalidFieldError(`${field}.function.name`, FIELD_FAULTS.repeated)
    names.add(name)
    return { field, name, description, parameters, strict: strict === true }
  })
}

function requiredTools (choice: unknown, tools: OfferedTool[]): OfferedTool[] {
  if (choice === 'auto') return []
  if (choice === 'required') return tools
  const { type, function: named } = Object(choice)
  if (type !== 'function') throw new InvalidFieldError('tool_choice', OPENAI_FAULTS.mustBeToolChoice)
  const found = tools.filter(tool => tool.name === named?.name)
  if (found.length === 0) throw new InvalidFieldError('tool_choice.function.name', OPENAI_FAULTS.unknownTool)
  return found
}

/**
 * @param syntax how the loaded model calls tools
 * @throws ToolsNotSupportedError
 */
export function toCompletionQuestion (
  { fields, turns, tools, constraint, singleCall }: CompletionRequest, syntax: ToolSyntax | null
): ChatQuestion {
  const calls = turns.some(turn => turn.calls !== undefined)
  if (syntax === null && (tools.length > 0 || calls)) throw new ToolsNotSupportedError()
  return {
    turns,
    tools: tools.map(({ name, description, parameters }) => ({ name, description, parameters })),
    maxTokens: fields.max_completion_tokens ?? fields.max_tokens ?? DEFAULT_MAX_TOKENS,
    stop: fields.stop ?? [],
    constraint,
    singleCall,
    sampling: {
      // Nothing but the likeliest token is left with a top_p of 0.
      temperature: fields.top_p === 0 ? 0 : fields.temperature,
      topP: fields.top_p === 0 ? undefined : fields.top_p,
      topK: fields.top_k,
      minP: fields.min_p,
      repeatPenalty: fields.repeat_penalty,
      frequencyPenalty: fields.frequency_penalty,
      presencePenalty: fields.presence_penalty,
      // OpenAI takes any integer; ours are 32 bits.
      seed: fields.seed === undefined ? undefined : fields.seed >>> 0
    }
  }
}
