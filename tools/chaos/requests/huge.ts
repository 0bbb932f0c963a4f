import {
  chunkedRequest, filePart, formBody, FORM_TYPE, getRequest, jsonBody, postHead, postRequest
} from '../lib/http.ts'
import { LIMITS } from '../settings.ts'
import { draft, type Kind } from './kind.ts'
import { askIn, fresh, WAYS } from './question.ts'

const MB = 1024 * 1024
const PATHS = ['/api/chat', '/api/chat_stream']

/** Requests at the size limits and beyond them. */
export const huge: Kind[] = [
  {
    name: 'huge file',
    weight: 2,
    make ({ draw, images }) {
      const start = draw.chance(0.5) ? images.photos[0]! : draw.bytes(100)
      const data = Buffer.concat([start, draw.bytes(draw.between(LIMITS.maxFileMb, 3 * LIMITS.maxFileMb) * MB + 1)])
      return draft(
        postRequest(draw.pick(PATHS), formBody({ message: 'Hi' }, [{ field: 'images', data }])),
        'error 413 FILE_TOO_LARGE'
      )
    }
  },
  {
    name: 'endless file',
    weight: 1,
    make ({ draw }) {
      const bytes = filePart({ field: 'images', data: draw.bytes((LIMITS.maxFileMb + 1) * MB) })
      return draft(
        chunkedRequest(draw.pick(PATHS), { type: FORM_TYPE, bytes }, { end: false }), 'error 413 FILE_TOO_LARGE'
      )
    }
  },
  {
    name: 'huge JSON',
    weight: 2,
    make ({ draw, model }) {
      const filler = 'x'.repeat(LIMITS.jsonBodyMb * MB + draw.integer(3 * MB))
      const isCompletion = draw.chance(0.4)
      const body =
        jsonBody(isCompletion ? { model, messages: [{ role: 'user', content: filler }] } : { message: filler })
      const path = isCompletion ? '/v1/chat/completions' : draw.pick(PATHS)
      return draft(draw.chance(0.5) ? postRequest(path, body) : chunkedRequest(path, body), 'error 413 BODY_TOO_LARGE')
    }
  },
  {
    name: 'huge field',
    weight: 1,
    make: ({ draw }) => draft(
      postRequest(draw.pick(PATHS), formBody({ message: 'Hi', system: 'x'.repeat(LIMITS.fieldBytes + 1) })),
      'error 413 FIELD_TOO_LARGE'
    )
  },
  {
    name: 'huge form',
    weight: 3,
    make ({ draw }) {
      // Some are below the limit for all text of a form, others above it.
      const count = draw.pick([3, 5, 20, 40])
      const turn = JSON.stringify({ role: 'user', content: 'x'.repeat(LIMITS.fieldBytes - 100) })
      const isTooLarge = count * LIMITS.fieldBytes > LIMITS.formTextBytes
      const ending = isTooLarge ? 'error 413 FORM_TOO_LARGE' : 'error 400 INVALID_HISTORY'
      const body = formBody({ message: 'Hi', history: Array<string>(count).fill(turn) })
      return draft(postRequest(draw.pick(PATHS), body), ending, { detail: `${count} MiB of fields` })
    }
  },
  {
    name: 'huge unknown field',
    weight: 2,
    make ({ draw }) {
      const { bytes } = formBody({ message: 'Hi', colour: 'x'.repeat(draw.between(2, 30) * MB) })
      const content = bytes.indexOf('xxx')
      // The service must refuse after the name and one byte of content; the client sends no more and waits.
      const [detail, end] = draw.pick([['whole', bytes.length], ['its head and one byte', content + 1]] as const)
      const request = Buffer.concat([postHead(draw.pick(PATHS), FORM_TYPE, bytes.length), bytes.subarray(0, end)])
      return draft(request, 'error 400 UNKNOWN_FIELD', { detail })
    }
  },
  {
    name: 'huge text',
    weight: 1,
    make (material) {
      const { draw, model } = material
      const [text, ending] = draw.pick([
        ['x'.repeat(32_001), 'error 400 MESSAGE_TOO_LONG'], ['red circle '.repeat(2900), 'error 413 PROMPT_TOO_LONG'],
        ['😀'.repeat(32_000), 'error 413 PROMPT_TOO_LONG']
      ] as const)
      if (ending.includes('PROMPT') && draw.chance(0.5)) {
        return draft(
          postRequest('/v1/chat/completions', jsonBody({ model, messages: [{ role: 'user', content: text }] })), ending
        )
      }
      return draft(postRequest(draw.pick(PATHS), formBody({ message: text })), ending)
    }
  },
  {
    name: 'many large images',
    weight: 1,
    make (material) {
      const { draw, images } = material
      const some =
        Array.from({ length: draw.between(3, LIMITS.maxImages) }, () => fresh(draw, draw.pick(images.photos.slice(1))))
      return askIn(draw.pick(WAYS), material, { question: 'Describe the images.', images: some })
    }
  },
  {
    name: 'many headers',
    weight: 1,
    make: ({ draw }) => draft(
      getRequest('/health/live', 'GET', `X-Padding: ${'x'.repeat(10)}\r\n`.repeat(draw.between(10, 200))), 'answer'
    )
  }
]
