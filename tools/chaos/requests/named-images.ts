import { formBody, jsonBody, postRequest } from '../lib/http.ts'
import { idOf } from '../lib/images.ts'
import { draft, type Draft, type Material } from './kind.ts'

/** Most ids in a turn. */
const TURN_IDS = 64
/** Most ids in all turns of a history together. */
const HISTORY_IDS = 200 * TURN_IDS
/** Most ids in messages without exceeding the limit of JSON values. */
const MESSAGES_IDS = 9600

const REFUSED = { chat: 'error 400 INVALID_HISTORY', completion: 'error 400 INVALID_FIELD' }
const EXPIRED = { chat: 'error 410 IMAGE_EXPIRED', completion: 'error 410 IMAGE_EXPIRED' }

/** Number of different images, and of mentions of each. A request may name 256 images, 1000 times in all. */
const MENTIONS = [
  { images: 256, times: 1, endings: EXPIRED },
  { images: 250, times: 4, endings: EXPIRED },
  { images: 1, times: 1000, endings: EXPIRED },
  { images: 257, times: 1, endings: REFUSED },
  { images: 1, times: 1001, endings: REFUSED },
  { images: 1, times: Infinity, endings: REFUSED },
  { images: Infinity, times: 1, endings: REFUSED }
]

/** Turns of the user that name images by id. The images were never sent. */
export function namedImages (material: Material): Draft {
  const { draw } = material
  const isCompletion = draw.chance(0.4)
  const { images, times, endings } = draw.pick(MENTIONS)
  const most = isCompletion ? MESSAGES_IDS : HISTORY_IDS
  const ids = Array.from({ length: Math.min(images, most) }, () => idOf(draw.bytes(20)))
  const mentions = Array.from({ length: Math.min(times, most) }, () => ids).flat()
  const turns: string[][] = []
  for (let at = 0; at < mentions.length; at += TURN_IDS) turns.push(mentions.slice(at, at + TURN_IDS))
  const detail = `${ids.length} ids, ${mentions.length} mentions`
  return isCompletion
    ? draft(inMessages(turns, material), endings.completion, { detail: `${detail}, completion` })
    : draft(inHistory(turns, material), endings.chat, { detail })
}

function inMessages (turns: string[][], { model }: Material): Buffer {
  const image = (id: string) => ({ type: 'image_url', image_url: { url: `sightline:${id}` } })
  const earlier = turns.map(ids => ({ role: 'user', content: ids.map(image) }))
  const messages = [...earlier, { role: 'user', content: 'Hi' }]
  return postRequest('/v1/chat/completions', jsonBody({ model, messages }))
}

function inHistory (turns: string[][], { draw }: Material): Buffer {
  const history = turns.map(images => ({ role: 'user', content: 'Look', images }))
  const fields = { message: 'Hi' }
  const body = draw.chance(0.5)
    ? formBody({ ...fields, history: JSON.stringify(history) })
    : jsonBody({ ...fields, history })
  return postRequest(draw.pick(['/api/chat', '/api/chat_stream']), body)
}
