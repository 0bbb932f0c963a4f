import { dataUri, formBody, FORM_TYPE, jsonBody, postHead, postRequest } from '../lib/http.ts'
import { LIMITS } from '../settings.ts'
import { draft, type Draft, type Kind } from './kind.ts'
import { askIn, drawQuestion, FORMS, fresh, STREAMS, WAYS } from './question.ts'

/** Duration of a slow upload that is still in time. */
const IN_TIME_MS = 1000
const PAUSE_MS = 50

/** Sends only the start of a body, so that it occupies a slot until UPLOAD_TIMEOUT. */
export function silent (path: string, isForm: boolean): Draft {
  const head = postHead(path, isForm ? FORM_TYPE : 'application/json', 5000)
  const start = Buffer.from(isForm ? '--chaos-boundary\r\nContent-' : '{"message":')
  return draft(Buffer.concat([head, start]), 'error 408 UPLOAD_TIMEOUT', { detail: isForm ? 'form' : 'JSON' })
}

/** Slow clients. */
export const slow: Kind[] = [
  {
    name: 'slow sender',
    weight: 2,
    make (material) {
      const { draw } = material
      const draft = askIn(draw.pick(WAYS), material, drawQuestion(material))
      const bytes = Math.ceil(draft.sending.bytes.length * PAUSE_MS / IN_TIME_MS)
      return { ...draft, sending: { ...draft.sending, pace: { bytes, pauseMs: PAUSE_MS } } }
    }
  },
  {
    name: 'too slow a sender',
    weight: 1,
    make ({ draw, images }) {
      const image = fresh(draw, draw.pick(images.photos))
      const body = draw.chance(0.5)
        ? formBody({ message: 'Hi' }, [{ field: 'images', data: image }])
        : jsonBody({ message: 'x'.repeat(20_000), images: [dataUri(image)] })
      const bytes = postRequest(draw.pick(['/api/chat', '/api/chat_stream']), body)
      // The upload takes twice the allowed time, which starts only when a waiting request leaves the queue.
      const pauseMs = 100
      const piece = Math.ceil(bytes.length * pauseMs / ((2 * LIMITS.uploadTimeoutS + LIMITS.queueTimeoutS) * 1000))
      return draft(
        bytes, 'error 408 UPLOAD_TIMEOUT', { detail: body.type.split(';')[0] }, { pace: { bytes: piece, pauseMs } }
      )
    }
  },
  {
    name: 'silent sender',
    weight: 1,
    make: ({ draw }) => silent(draw.pick(['/api/chat', '/api/chat_stream']), draw.chance(0.5))
  },
  {
    name: 'slow reader',
    weight: 2,
    make (material) {
      const { draw } = material
      const draft = askIn(draw.pick(STREAMS), material, drawQuestion(material))
      return { ...draft, sending: { ...draft.sending, deafMs: draw.between(100, 2000) } }
    }
  },
  {
    name: 'asks before it sends',
    weight: 2,
    make (material) {
      const { draw } = material
      const asked = askIn(draw.pick(FORMS), material, drawQuestion(material))
      const end = asked.sending.bytes.indexOf('\r\n\r\n')
      const bytes = Buffer.concat([
        asked.sending.bytes.subarray(0, end), Buffer.from('\r\nExpect: 100-continue'), asked.sending.bytes.subarray(end)
      ])
      return { ...asked, sending: { ...asked.sending, bytes, waitAt: bytes.indexOf('\r\n\r\n') + 4 } }
    }
  }
]
