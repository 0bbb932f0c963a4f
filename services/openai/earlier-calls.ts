import { CALLS_MAX, MESSAGES_MAX } from '../../schemas/limits.ts'
import { isEmpty, isEmptyList, isObject, type Json } from './json.ts'

// Calls of earlier answers. The results of tools refer to them by ids, which not all clients send.

/** A call that has no result yet. */
interface OpenCall { id: string, name: unknown }

/**
 * Converts the calls of messages to the form of chat completions: `function_call` and messages of the role `function`
 * of OpenAI's first API, arguments as objects and calls without ids of Ollama. A result without the id of a call
 * belongs to the first open call with the name of its tool, else to the first open call.
 */
export function translateCalls (messages: unknown[]): unknown[] {
  // Too many are refused.
  if (messages.length > MESSAGES_MAX) return messages
  let open: OpenCall[] = []
  let count = 0
  return messages.map(message => {
    if (!isObject(message)) return message
    if (message.role === 'assistant') {
      const calls = callsOf(message)?.map(call => isObject(call) ? { ...call, id: idOf(call) ?? `#${++count}` } : call)
      if (calls?.length && calls.length <= CALLS_MAX) open = calls.filter(isObject).map(toOpenCall)
      const { function_call: _old, tool_calls: others, ...rest } = message
      return calls || others !== undefined ? { ...rest, tool_calls: calls ?? others } : rest
    }
    if (message.role !== 'tool' && message.role !== 'function') return message
    const call = openCallOf(message, open)
    open = open.filter(other => other !== call)
    return { ...message, role: 'tool', tool_call_id: idOf(message, 'tool_call_id') ?? call?.id }
  })
}

/** Returns the calls of an answer; undefined if it has none, or no list of them. */
function callsOf ({ tool_calls: calls, function_call: old }: Json): unknown[] | undefined {
  if (Array.isArray(calls) && calls.length > CALLS_MAX) return calls
  if (Array.isArray(calls) && calls.length > 0) return calls.map(translateCall)
  if (isObject(old) && !isEmpty(old)) return [translateCall({ function: old })]
  return Array.isArray(calls) ? calls : undefined
}

function translateCall (call: unknown): unknown {
  if (!isObject(call) || !isObject(call.function)) return call
  const { arguments: given } = call.function
  const args = isObject(given) ? JSON.stringify(given) : isEmptyList(given) ? '{}' : given
  return { ...call, function: { ...call.function, arguments: args } }
}

function openCallOf (message: Json, open: OpenCall[]): OpenCall | undefined {
  const id = idOf(message, 'tool_call_id')
  if (id !== undefined) return open.find(call => call.id === id)
  const name = message.tool_name ?? message.name
  const named = open.find(call => call.name === name)
  return name === undefined || name === null ? open[0] : named
}

/** An empty id is none. Others, of any type, are for the schema. */
function idOf (value: Json, field = 'id'): string | undefined {
  const id = value[field]
  return id === undefined || id === null || id === '' ? undefined : id as string
}

function toOpenCall (call: Json): OpenCall {
  return { id: call.id as string, name: isObject(call.function) ? call.function.name : undefined }
}
