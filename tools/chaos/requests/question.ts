import type { Draw } from '../lib/draw.ts'
import { dataUri, formBody, jsonBody, postRequest, type Body } from '../lib/http.ts'
import { idOf } from '../lib/images.ts'
import { draft, type Draft, type Material } from './kind.ts'

/** A question that is to be answered. */
export interface Question {
  question: string
  images: readonly Buffer[]
  answer?: string
  /** What was said before, about images that are named by their ids. */
  before?: { question: string, images: readonly Buffer[], answer: string }
  /** The images of `before` are sent again; OpenAI's dialect has them in their place. */
  again?: boolean
  /** How many times each of them is sent again; once by default. Not in OpenAI's dialect. */
  times?: number
  /** Writes an image into JSON; `dataUri` by default. */
  uri?: (data: Buffer) => string
  /** Fields beside these, alike in both interfaces. */
  more?: Record<string, unknown>
}

/** Both interfaces, streamed and not, and both kinds of bodies. */
export const WAYS = ['form', 'form stream', 'json', 'json stream', 'completion', 'completion stream'] as const
export type Way = typeof WAYS[number]
export const JSONS: readonly Way[] = ['json', 'json stream', 'completion', 'completion stream']
/** Those that take large images. */
export const FORMS: readonly Way[] = ['form', 'form stream']
export const STREAMS: readonly Way[] = ['form stream', 'json stream', 'completion stream']

const PATHS = {
  form: ['/api/chat', '/api/chat_stream'],
  json: ['/api/chat', '/api/chat_stream'],
  completion: ['/v1/chat/completions', '/v1/chat/completions']
}

/** Asks in this way; right is a complete answer. */
export function askIn (way: Way, { draw, model }: Material, question: Question): Draft {
  const [kind, stream] = way.split(' ') as ['form' | 'json' | 'completion', string?]
  const body = kind === 'form'
    ? toForm(question)
    : kind === 'json' ? toJson(question) : toCompletion(question, model, stream !== undefined, draw)
  const path = PATHS[kind][stream === undefined ? 0 : 1]!
  return draft(
    postRequest(path, body, draw.chance(0.5) ? 'Connection: close\r\n' : ''),
    stream === undefined ? 'answer' : 'stream', { text: question.answer, detail: way }
  )
}

/** The same for people, another image for caches: what stands behind its end is nobody's concern. */
export function fresh (draw: Draw, image: Buffer): Buffer {
  return Buffer.concat([image, draw.bytes(8)])
}

/** A question whose answer is known, with images that may have been seen before. */
export function drawQuestion ({ draw, images: { known } }: Material): Question {
  const { question, images, answer } = draw.pick(known)
  const anew = draw.chance(0.5)
  return { question, answer, images: anew ? images.map(image => fresh(draw, image)) : images }
}

/** The images of `before` that are sent again, in `history_images`. */
function resent ({ before, again, times = 1 }: Question): Buffer[] {
  return again ? Array.from({ length: times }, () => before!.images).flat() : []
}

function toForm (asked: Question): Body {
  const { question, images, before, more = {} } = asked
  const fields = Object.fromEntries(Object.entries(more).map(([name, value]) =>
    [name, typeof value === 'object' ? JSON.stringify(value) : String(value)]))
  return formBody({ message: question, ...fields, ...before && { history: JSON.stringify(toHistory(before)) } }, [
    ...images.map(data => ({ field: 'images', data })),
    ...resent(asked).map(data => ({ field: 'history_images', data }))
  ])
}

function toJson (asked: Question): Body {
  const { question, images, before, again, more, uri = dataUri } = asked
  return jsonBody({
    message: question,
    images: images.map(uri),
    ...more,
    ...before && { history: toHistory(before) },
    ...again && { history_images: resent(asked).map(uri) }
  })
}

function toHistory ({ question, images, answer }: NonNullable<Question['before']>): object[] {
  return [{ role: 'user', content: question, images: images.map(idOf) }, { role: 'assistant', content: answer }]
}

function toCompletion (asked: Question, model: string, stream: boolean, draw: Draw): Body {
  const { question, images, before, again, more, uri = dataUri } = asked
  const image = (url: string) => ({ type: 'image_url', image_url: { url } })
  const earlier = (data: Buffer) => again ? uri(data) : `sightline:${idOf(data)}`
  const turn = (text: string, urls: string[]) =>
    ({ role: 'user', content: [...urls.map(image), { type: 'text', text }] })
  const messages = [
    ...before ? [turn(before.question, before.images.map(earlier))] : [],
    ...before ? [{ role: 'assistant', content: before.answer }] : [],
    turn(question, images.map(uri))
  ]
  return jsonBody({
    model,
    messages,
    temperature: 0,
    stream,
    ...stream && draw.chance(0.5) && { stream_options: { include_usage: true } },
    ...more
  })
}
