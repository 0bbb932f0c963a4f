import type { Draw } from '../lib/draw.ts'
import type { Cut } from '../lib/exchange.ts'
import { costly } from './costly.ts'
import { good } from './good.ts'
import { history } from './history.ts'
import { huge } from './huge.ts'
import type { Draft, Kind, Material } from './kind.ts'
import { malformed } from './malformed.ts'
import { askIn, drawQuestion, STREAMS, WAYS } from './question.ts'
import { schemas } from './schemas.ts'
import { slow } from './slow.ts'

const CUT = 'cut by the client'
/** A client that closes its own side in the middle of a body can still read the refusal. */
const INCOMPLETE = 'error 4*'
const HOWS: readonly Cut['how'][] = ['close', 'close', 'reset', 'half']

/** Cuts a request off. A cut that comes too late leaves the request's own ending. */
function cutOff (draft: Draft, cut: Cut): Draft {
  const { sending, right, detail } = draft
  return {
    ...draft,
    sending: { ...sending, cut },
    right: [...right, CUT, ...cut.how === 'half' ? [INCOMPLETE] : []],
    detail: `${detail ?? ''} ${cut.how} after ${cut.count} ${cut.after}`.trim()
  }
}

function drawCut (draw: Draw, after: Cut['after'], below: number): Cut {
  return { after, count: draw.integer(below), how: draw.pick(HOWS) }
}

/** A request of any kind, mostly a good question. */
function anything (material: Material): Draft {
  const { draw } = material
  if (draw.chance(0.6)) return askIn(draw.pick(WAYS), material, drawQuestion(material))
  return draw.pick([...good, ...history, ...huge, ...costly, ...schemas, ...malformed, ...slow]).make(material)
}

/** Clients that disconnect. */
export const aborted: Kind[] = [
  {
    name: 'left while sending',
    weight: 5,
    make (material) {
      const draft = anything(material)
      return cutOff(draft, drawCut(material.draw, 'bytes', draft.sending.bytes.length))
    }
  },
  {
    name: 'left while waiting',
    weight: 5,
    make: material => cutOff(anything(material), drawCut(material.draw, 'ms', 400))
  },
  {
    name: 'left while reading',
    weight: 5,
    make (material) {
      const { draw } = material
      const question = draw.chance(0.7)
        ? drawQuestion(material)
        : { question: 'Hello, who are you?', images: [], more: { temperature: 1.5, max_tokens: 300 } }
      const cut = drawCut(draw, 'events', 14)
      return cutOff(askIn(draw.pick(STREAMS), material, question), { ...cut, count: cut.count + 1 })
    }
  }
]
