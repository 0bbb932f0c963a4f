import type { Draw } from '../lib/draw.ts'
import { dataUri, formBody, jsonBody, postRequest, type Body } from '../lib/http.ts'
import { idOf } from '../lib/images.ts'
import { draft, type Draft, type Material } from './kind.ts'

export interface Question {
  question: string
  images: readonly Buffer[]
  answer?: string
  /** The turn before, about images that are named by their ids. */
  before?: { question: string, images: readonly Buffer[], answer: string }
  /** Whether the images of `before` are sent again. In the OpenAI-compatible API they replace the ids. */
  again?: boolean
  /** Number of times that each of them is sent again, 1 by default. Not used in the OpenAI-compatible API. */
  times?: number
  /** Encodes an image for JSON; `dataUri` by default. */
  uri?: (data: Buffer) => string
  /** Further fields, with the same names in both APIs. */
  more?: Record<string, unknown>
}

/** Ways of asking: both APIs, with and without a stream, as forms and as JSON. */
export const WAYS = ['form', 'form stream', 'json', 'json stream', 'completion', 'completion stream'] as const
export type Way = typeof WAYS[number]
export const JSONS: readonly Way[] = ['json', 'json stream', 'completion', 'completion stream']
export const FORMS: readonly Way[] = ['form', 'form stream']
export const STREAMS: readonly Way[] = ['form stream', 'json stream', 'completion stream']

const PATHS = {
  form: ['/api/chat', '/api/chat_stream'],
  json: ['/api/chat', '/api/chat_stream'],
  completion: ['/v1/chat/completions', '/v1/chat/completions']
}

/** A request for a question. Its right ending is a complete answer. */
export function askIn (way: Way, material: Material, question: Question): Draft {
  const { path, body } = bodyIn(way, material, question)
  return draft(
    postRequest(path, body, material.draw.chance(0.5) ? 'Connection: close\r\n' : ''),
    STREAMS.includes(way) ? 'stream' : 'answer', { text: question.answer, detail: way }
  )
}

/** The path and the body of a question. */
export function bodyIn (way: Way, { draw, model }: Material, question: Question): { path: string, body: Body } {
  const [kind, stream] = way.split(' ') as ['form' | 'json' | 'completion', string?]
  const body = kind === 'form'
    ? toForm(question)
    : kind === 'json' ? toJson(question) : toCompletion(question, model, stream !== undefined, draw)
  return { path: PATHS[kind][stream === undefined ? 0 : 1]!, body }
}

/** An image that looks the same but has another id: bytes after its end are ignored. */
export function fresh (draw: Draw, image: Buffer): Buffer {
  return Buffer.concat([image, draw.bytes(8)])
}

/** A question with a known answer, with images that the service may have seen before. */
export function drawQuestion ({ draw, images: { known } }: Material): Question {
  const { question, images, answer } = draw.pick(known)
  const anew = draw.chance(0.5)
  return { question, answer, images: anew ? images.map(image => fresh(draw, image)) : images }
}

/** Images of `before` for `history_images`. */
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
  const image = (url: string) => url.startsWith('data:application/pdf')
    ? { type: 'file', file: { filename: 'report.pdf', file_data: url } }
    : { type: 'image_url', image_url: { url } }
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
