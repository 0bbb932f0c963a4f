import { good } from './good.ts'
import type { Draft, Kind, Material } from './kind.ts'
import { askIn, drawQuestion, WAYS } from './question.ts'
import { silent } from './slow.ts'

function inARow (material: Material, count: number, question = drawQuestion(material)): Draft {
  const asked = askIn(material.draw.pick(WAYS), material, question)
  // A request with `Connection: close` would be the last one on its connection.
  const bytes = Buffer.from(asked.sending.bytes.toString('latin1').replace('Connection: close\r\n', ''), 'latin1')
  return {
    ...asked,
    sending: { ...asked.sending, bytes: Buffer.concat(Array(count).fill(bytes)), answers: count },
    detail: `${count} in a row, ${asked.detail}`
  }
}

const drawCount = ({ draw }: Material) => draw.between(2, 4)

/** Most requests of a connection in a row. */
const MOST_IN_A_ROW = 16

/** Number of slots by default. */
const HOLDERS = 3

/** Disconnects before an answer. Other requests may occupy all slots meanwhile. */
function leftAtOnce (material: Material): Draft {
  const { draw } = material
  const row = inARow(material, draw.between(10, MOST_IN_A_ROW), { question: 'Hello, who are you?', images: [] })
  const how = draw.pick(['close', 'reset'] as const)
  const isHeldUp = draw.chance(0.5)
  return {
    ...row,
    sending: { ...row.sending, cut: { after: 'ms', count: draw.pick([0, 0, 20]), how } },
    right: [...row.right, 'cut by the client'],
    detail: isHeldUp ? `${row.detail}, behind others` : row.detail,
    ahead: isHeldUp ? Array.from({ length: HOLDERS }, () => silent('/api/chat', false)) : []
  }
}

/** The same request several times. */
export const repeated: Kind[] = [
  {
    name: 'duplicate',
    weight: 3,
    make (material) {
      const { draw } = material
      return { ...draw.pick(good).make(material), copies: draw.between(2, 4) }
    }
  },
  { name: 'in a row', weight: 2, make: material => inARow(material, drawCount(material)) },
  { name: 'left at once in a row', weight: 2, make: leftAtOnce },
  {
    name: 'left in a row',
    weight: 2,
    make (material) {
      const { draw } = material
      const draft = inARow(material, drawCount(material))
      const how = draw.pick(['close', 'reset'] as const)
      return {
        ...draft,
        sending: { ...draft.sending, cut: { after: 'ms', count: draw.integer(600), how } },
        right: [...draft.right, 'cut by the client']
      }
    }
  }
]
