import {
  chunkedRequest, dataUri, fieldPart, FORM_END, FORM_TYPE, formBody, formPart, getRequest, jsonBody, postRequest,
  type Body
} from '../lib/http.ts'
import { tangledAvif } from '../lib/tangled-avif.ts'
import { LIMITS } from '../settings.ts'
import { draft, type Draft, type Kind, type Material } from './kind.ts'
import { askIn, drawQuestion, fresh, WAYS } from './question.ts'

type Case = [detail: string, body: Body, ending: string]

const CHAT_PATHS = ['/api/chat', '/api/chat_stream']
const COMPLETIONS = '/v1/chat/completions'
const TANGLED = tangledAvif()
const UNKNOWN_ID = `sha256:${'0'.repeat(64)}`

const form = (fields: Record<string, string | string[]>) => formBody(fields)
const parts = (...bytes: Array<Buffer | string>): Body =>
  ({ type: FORM_TYPE, bytes: Buffer.concat(bytes.map(it => Buffer.from(it as Buffer))) })
const text = (value: string, type = 'application/json'): Body => ({ type, bytes: Buffer.from(value) })
const hi = fieldPart('message', 'Hi')

/** Bodies of chat requests, each with its only right ending. */
const FIELDS: Case[] = [
  ['no message', form({}), 'error 400 MESSAGE_REQUIRED'],
  ['a blank message', form({ message: ' \n ' }), 'error 400 MESSAGE_REQUIRED'],
  ['two messages', form({ message: ['a', 'b'] }), 'error 400 INVALID_FIELD'],
  ['an unknown field', form({ message: 'Hi', colour: 'red' }), 'error 400 UNKNOWN_FIELD'],
  ['images as text', form({ message: 'Hi', images: 'data' }), 'error 400 INVALID_FIELD'],
  ['an answer of no tokens', form({ message: 'Hi', max_tokens: '0' }), 'error 400 INVALID_FIELD'],
  ['a temperature above the limit', jsonBody({ message: 'Hi', temperature: 3 }), 'error 400 INVALID_FIELD'],
  ['seventeen stops', jsonBody({ message: 'Hi', stop: [...'abcdefghijklmnopq'] }), 'error 400 INVALID_FIELD'],
  ['history that is not JSON', form({ message: 'Hi', history: '[{' }), 'error 400 INVALID_HISTORY'],
  [
    'an unknown role', jsonBody({ message: 'Hi', history: [{ role: 'system', content: 'x' }] }),
    'error 400 INVALID_HISTORY'
  ],
  [
    'images in a turn of the assistant',
    jsonBody({ message: 'Hi', history: [{ role: 'assistant', content: 'a', images: [UNKNOWN_ID] }] }),
    'error 400 INVALID_HISTORY'
  ],
  ['a schema that cannot be enforced', jsonBody({
    message: 'Hi', response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { not: {} } } }
  }), 'error 400 UNSUPPORTED_SCHEMA'],
  ['an image by URL', jsonBody({ message: 'Hi', images: ['https://example.com/a.png'] }), 'error 400 INVALID_FIELD'],
  ['invalid base64', jsonBody({ message: 'Hi', images: ['data:image/png;base64,###'] }), 'error 400 INVALID_FIELD']
]

const BODIES: Case[] = [
  ['broken JSON', text('{"message":'), 'error 400 INVALID_JSON'],
  ['empty JSON', text(''), 'error 400 INVALID_JSON'],
  ['a list', text('["Hi"]'), 'error 400 INVALID_JSON'],
  ['a prototype', text('{"message":"Hi","__proto__":{"admin":true}}'), 'error 400 INVALID_JSON'],
  ['plain text', text('hello', 'text/plain'), 'error 415 UNSUPPORTED_MEDIA_TYPE'],
  ['a form without a boundary', text('x', 'multipart/form-data'), 'error 400 INVALID_MULTIPART'],
  ['a form cut off in a head', parts(hi, '--chaos-boundary\r\nContent-Dispo'), 'error 400 INVALID_MULTIPART'],
  [
    'a form cut off in a file',
    parts(hi, '--chaos-boundary\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\n\r\nhalf'),
    'error 400 INVALID_MULTIPART'
  ],
  ['a form of another boundary', parts('--other--\r\n'), 'error 400 INVALID_MULTIPART'],
  ['a part without a name', parts(hi, formPart('', 'x'), FORM_END), 'error 400 INVALID_MULTIPART'],
  [
    'a file in another field', parts(hi, formPart('; name="photo"; filename="a.png"', 'x'), FORM_END),
    'error 400 UNKNOWN_FIELD'
  ],
  [
    '251 fields', parts(hi, ...Array.from({ length: 251 }, () => fieldPart('stop', 'x')), FORM_END),
    'error 400 INVALID_MULTIPART'
  ]
]

function completions (model: string): Case[] {
  const messages = [{ role: 'user', content: 'Hi' }]
  const image = (url: string) => [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }]
  return [
    ['another model', jsonBody({ model: 'gpt-5', messages }), 'error 404 MODEL_NOT_FOUND'],
    ['no messages', jsonBody({ model }), 'error 400 INVALID_FIELD'],
    ['two answers', jsonBody({ model, messages, n: 2 }), 'error 400 INVALID_FIELD'],
    [
      'tools', jsonBody({ model, messages, tools: [{ type: 'function', function: { name: 'look' } }] }),
      'error 400 TOOLS_NOT_SUPPORTED'
    ],
    ['a file', jsonBody({ model, messages: image('file:///etc/passwd') }), 'error 400 INVALID_FIELD'],
    [
      'a private address', jsonBody({ model, messages: image('http://127.0.0.1/a.png') }), 'error 400 IMAGE_URL_REFUSED'
    ],
    ['a form', form({ message: 'Hi' }), 'error 415 UNSUPPORTED_MEDIA_TYPE']
  ]
}

/** Requests with a bad head, or to a path that does not exist. */
const HEADS: Array<[detail: string, bytes: Buffer, ending: string]> = [
  ['not HTTP', Buffer.from('HELO there\r\n\r\n'), 'error 400*'],
  [
    'an invalid Content-Length', Buffer.from('POST /api/chat HTTP/1.1\r\nHost: chaos\r\nContent-Length: many\r\n\r\n'),
    'error 400*'
  ],
  ['two lengths of a body', Buffer.from(
    'POST /api/chat HTTP/1.1\r\nHost: chaos\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
  ), 'error 400*'],
  ['huge headers', getRequest('/api/status', 'GET', `X-Long: ${'x'.repeat(20_000)}\r\n`), 'error 431*'],
  ['a wrong method', getRequest('/api/chat'), 'error 404 NOT_FOUND'],
  ['no body', getRequest('/api/chat', 'POST', 'Content-Length: 0\r\n'), 'error 4*'],
  ['an unknown path', getRequest('/nothing?secret=1'), 'error 404 NOT_FOUND']
]

function badImage (material: Material): Draft {
  const { draw, images } = material
  const { name, data, status, code } = draw.pick(images.bad)
  const before = draw.chance(0.5) ? drawQuestion(material).images : []
  const way = draw.pick(WAYS)
  return {
    ...askIn(way, material, { question: 'What is it?', images: [...before, data] }),
    right: [`error ${status} ${code}`, `event ${code}`],
    detail: `${name}, ${way}`
  }
}

/** AVIF images of 28 KB. A service that looks at every unit of every item needs seconds for each. */
function tangled (material: Material): Draft {
  const { draw } = material
  const count = draw.between(1, LIMITS.maxImages)
  const way = draw.pick(WAYS)
  const images = Array.from({ length: count }, () => fresh(draw, TANGLED))
  const asked = askIn(way, material, { question: 'What is it?', images })
  return { ...asked, right: ['error 422 CORRUPT_IMAGE'], detail: `${count}, ${way}` }
}

/** A good request with some changed bytes in its body. It must get an answer or a client error. */
function mutated (material: Material): Draft {
  const { draw } = material
  const question = drawQuestion(material)
  const way = draw.pick(WAYS)
  const draft = askIn(way, material, question)
  const bytes = Buffer.from(draft.sending.bytes)
  const body = bytes.indexOf('\r\n\r\n') + 4
  for (let i = draw.between(1, 20); i > 0; i--) bytes[draw.between(body, bytes.length - 1)] = draw.integer(256)
  // A damaged image or question may still be valid, but its answer is not known.
  return {
    ...draft,
    sending: { ...draft.sending, bytes },
    text: undefined,
    right: ['answer', 'stream', 'error 4*', 'event CORRUPT_IMAGE']
  }
}

/** A valid form with an image in which some bytes are changed, to test the decoders. */
function mutatedImage (material: Material): Draft {
  const { draw, images } = material
  const image =
    Buffer.from(draw.pick(draw.chance(0.5) ? images.photos.slice(1) : images.known.flatMap(it => it.images)))
  for (let i = draw.between(1, 50); i > 0; i--) image[draw.integer(image.length)] = draw.integer(256)
  const way = draw.pick(WAYS)
  return {
    ...askIn(way, material, { question: 'What is it?', images: [image] }),
    right: ['answer', 'stream', 'error 4*', 'event CORRUPT_IMAGE']
  }
}

/** Invalid requests. */
export const malformed: Kind[] = [
  {
    name: 'malformed',
    weight: 6,
    make ({ draw, model }) {
      const isCompletion = draw.chance(0.3)
      const [detail, body, ending] = draw.pick(isCompletion ? completions(model) : [...FIELDS, ...BODIES])
      const path = isCompletion ? COMPLETIONS : draw.pick(CHAT_PATHS)
      const isChunked = draw.chance(0.2)
      return draft(
        isChunked ? chunkedRequest(path, body, { chunk: draw.between(1, 400) }) : postRequest(path, body), ending,
        { detail: isChunked ? `${detail}, chunked` : detail }
      )
    }
  },
  {
    name: 'malformed head',
    weight: 1,
    make ({ draw }) {
      const [detail, bytes, ending] = draw.pick(HEADS)
      return draft(bytes, ending, { detail })
    }
  },
  { name: 'bad image', weight: 3, make: badImage },
  { name: 'tangled AVIF', weight: 2, make: tangled },
  { name: 'mutated', weight: 2, make: mutated },
  { name: 'mutated image', weight: 2, make: mutatedImage },
  {
    name: 'too many images',
    weight: 1,
    make (material) {
      const [image] = material.images.known[0]!.images
      const way = material.draw.pick(WAYS)
      return {
        // Decoders ignore bytes after the end of an image.
        ...askIn(way, material, {
          question: 'Hi', images: Array.from({ length: 9 }, (_, i) => Buffer.concat([image!, Buffer.from([i])]))
        }),
        right: ['error 400 TOO_MANY_IMAGES']
      }
    }
  },
  {
    name: 'image of no history',
    weight: 1,
    make (material) {
      const [image] = material.images.known[0]!.images
      const body = jsonBody({ message: 'Hi', history_images: [dataUri(image!)] })
      return draft(postRequest(material.draw.pick(CHAT_PATHS), body), 'error 400 INVALID_FIELD')
    }
  }
]
