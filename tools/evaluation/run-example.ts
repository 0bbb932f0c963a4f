import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { ChatAnswer, HistoryTurn } from '../../schemas/chat.ts'
import { RefusedError, type Client } from './client.ts'
import type { Example, Expectation, Turn } from './examples.ts'
import { score, type Verdict } from './scoring/score.ts'

export interface Sampling {
  temperature: number
  seed: number
  /** Null: the service's own. */
  max_tokens: number | null
}

export interface TurnResult {
  message: string
  /** Sent with this turn, as the example's file names them. */
  pictures: string[]
  /** Null where nothing was expected. */
  expect: Expectation | null
  /** Null when the service refused. */
  answer: ChatAnswer | null
  /** Null where nothing was expected or answered. */
  verdict: Verdict | null
  /** Status, code and sentence of a refusal. */
  error: string | null
}

export interface ExampleResult {
  id: string
  task: string
  language: string | null
  right: boolean
  turns: TurnResult[]
}

/** The name is the API's matter, not the model's. */
const SCHEMA_NAME = 'answer'

/**
 * Asks an example turn after turn, as a client does: with its real answers as history, and pictures of earlier turns by their ids.
 * @param folder of the pictures
 * @returns right when all that was expected came; what comes after a refusal is not asked
 * @throws ServiceError, the reason of `signal`
 */
export async function runExample (
  example: Example, folder: string, client: Client, sampling: Sampling, signal: AbortSignal
): Promise<ExampleResult> {
  const history: HistoryTurn[] = []
  /** Where the pictures of the history lie, by their ids. */
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
        // A picture that the service has let go is sent again, once.
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
