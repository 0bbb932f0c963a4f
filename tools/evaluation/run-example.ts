import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { ChatAnswer, HistoryTurn } from '../../schemas/chat.ts'
import { RefusedError, type Client } from './client.ts'
import type { Example, Expectation, Turn } from './examples.ts'
import { score } from './scoring/score.ts'
import type { Verdict } from './scoring/verdict.ts'

export interface Sampling {
  temperature: number
  seed: number
  /** Null for the default of the service. */
  max_tokens: number | null
}

export interface TurnResult {
  message: string
  /** Paths of the images sent with this turn, relative to the folder. */
  pictures: string[]
  /** Null if the turn has no expectation. */
  expect: Expectation | null
  /** Null if the service refused the request. */
  answer: ChatAnswer | null
  /** Null without an expectation or an answer. */
  verdict: Verdict | null
  /** Status, code and message of a refusal. */
  error: string | null
}

export interface ExampleResult {
  id: string
  task: string
  language: string | null
  right: boolean
  turns: TurnResult[]
}

/** The API requires a name. The model does not see it. */
const SCHEMA_NAME = 'answer'

/**
 * Asks the turns of an example in order, with the model's real answers as history and earlier images named by id.
 * A refusal ends the example.
 * @param folder folder of the images
 * @returns `right` if every turn was answered as expected
 * @throws ServiceError, the reason of `signal`
 */
export async function runExample (
  example: Example, folder: string, client: Client, sampling: Sampling, signal: AbortSignal
): Promise<ExampleResult> {
  const history: HistoryTurn[] = []
  /** Paths of the images in the history, by id. */
  const files = new Map<string, string>()
  const turns: TurnResult[] = []
  for (const turn of example.turns) {
    const { message, pictures, expect } = turn
    const result = { message, pictures, expect: expect ?? null }
    try {
      const answer = await ask(turn, history)
      const ids = pictures.map((_, index) => answer.images[index]!.id)
      for (const [index, id] of ids.entries()) files.set(id, pictures[index]!)
      history.push({ role: 'user', content: message, ...ids.length > 0 && { images: ids } }, {
        role: 'assistant', content: answer.response
      })
      turns.push({ ...result, answer, verdict: expect ? score(expect, answer) : null, error: null })
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
      turns.push({ ...result, answer: null, verdict: null, error: error.message })
      break
    }
  }
  const right = turns.length === example.turns.length &&
    turns.every(({ verdict, error }) => error === null && verdict?.right !== false)
  return { id: example.id, task: example.task, language: example.language ?? null, right, turns }

  async function ask (turn: Turn, history: HistoryTurn[]): Promise<ChatAnswer> {
    const again = new Set<string>()
    for (;;) {
      try {
        return await client.ask(formOf(turn, history, [...again].map(id => files.get(id)!)), signal)
      } catch (error) {
        // An image that the service has evicted is sent again, once.
        const expired = error instanceof RefusedError && error.code === 'IMAGE_EXPIRED'
          ? error.ids.filter(id => files.has(id) && !again.has(id))
          : []
        if (expired.length === 0) throw error
        for (const id of expired) again.add(id)
      }
    }
  }

  function formOf ({ message, pictures, schema }: Turn, history: HistoryTurn[], again: string[]): FormData {
    const form = new FormData()
    form.append('message', message)
    if (history.length > 0) form.append('history', JSON.stringify(history))
    for (const [name, value] of Object.entries(sampling)) if (value !== null) form.append(name, String(value))
    if (schema !== undefined) {
      form.append(
        'response_format', JSON.stringify({ type: 'json_schema', json_schema: { name: SCHEMA_NAME, schema } })
      )
    }
    for (const [field, files] of Object.entries({ images: pictures, history_images: again })) {
      for (const file of files) {
        form.append(field, new Blob([readFileSync(path.join(folder, file))]), path.basename(file))
      }
    }
    return form
  }
}
