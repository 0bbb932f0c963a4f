import { InvalidFieldError } from '../../errors/catalogue.ts'
import { OPENAI_FAULTS } from '../../errors/phrases.ts'
import type { CompletionRequest } from '../../schemas/openai-request.ts'
import type { ThinkingWish } from '../chat/thinking.ts'

/** Fields for the maximum of thought tokens: Sightline's and Qwen's own, vLLM's, llama-server's. */
const BUDGETS = [
  'thinking_budget', 'thinking_token_budget', 'thinking_budget_tokens', 'reasoning_budget_tokens'
] as const

type ThinkingFields = Pick<
  CompletionRequest,
  'reasoning_effort' | 'reasoning' | 'chat_template_kwargs' | 'enable_thinking' | 'thinking' | typeof BUDGETS[number]
>

/**
 * Reads how much the model shall think. Clients say it with the fields of different servers.
 * @param nameOf returns the name of a field in the body, which errors contain
 * @returns null if the request does not say it
 * @throws InvalidFieldError when two fields contradict each other
 */
export function readThinking (
  request: ThinkingFields, nameOf = (field: string): string => field
): ThinkingWish | null {
  const { switches, amounts } = readWishes(request, nameOf)
  const wishes = [...switches, ...amounts]
  const [first] = wishes
  if (first === undefined) return null
  refuseOther(first, wishes.find(wish => isOff(wish) !== isOff(first)))
  const [amount] = amounts
  if (amount === undefined) return first
  refuseOther(amount, amounts.find(other => other.amount !== amount.amount && !isOff(amount)))
  // An amount says more than a switch.
  return amount
}

function isOff ({ amount }: ThinkingWish): boolean {
  return amount === 'off' || amount === 0
}

function refuseOther ({ field }: ThinkingWish, other: ThinkingWish | undefined): void {
  if (other) throw new InvalidFieldError(other.field, OPENAI_FAULTS.contradicts(field))
}

/** Collects the fields that turn thinking on or off, and those that say how much. */
function readWishes (
  request: ThinkingFields, nameOf: (field: string) => string
): Record<'switches' | 'amounts', ThinkingWish[]> {
  const switches: ThinkingWish[] = []
  const amounts: ThinkingWish[] = []
  const addSwitch = (field: string, value: boolean | null | undefined) => {
    if (typeof value === 'boolean') switches.push({ field: nameOf(field), amount: value ? 'on' : 'off' })
  }
  const addEffort = (field: string, effort: CompletionRequest['reasoning_effort'] | null) => {
    if (typeof effort !== 'string') return
    amounts.push({ field: nameOf(field), amount: effort === 'none' ? 'off' : effort === 'max' ? 'on' : effort })
  }
  const addTokens = (field: string, tokens: number | null | undefined) => {
    if (typeof tokens === 'number') amounts.push({ field: nameOf(field), amount: tokens === -1 ? 'on' : tokens })
  }
  const { chat_template_kwargs: kwargs, reasoning, thinking } = request
  addSwitch('chat_template_kwargs.enable_thinking', kwargs?.enable_thinking)
  addSwitch('enable_thinking', request.enable_thinking)
  addSwitch('reasoning.enabled', reasoning?.enabled)
  if (thinking?.type) switches.push({ field: 'thinking.type', amount: thinking.type === 'enabled' ? 'on' : 'off' })
  addEffort('reasoning_effort', request.reasoning_effort)
  addEffort('reasoning.effort', reasoning?.effort)
  addTokens('reasoning.max_tokens', reasoning?.max_tokens)
  addTokens('thinking.budget_tokens', thinking?.budget_tokens)
  for (const field of BUDGETS) addTokens(field, request[field])
  return { switches, amounts }
}
