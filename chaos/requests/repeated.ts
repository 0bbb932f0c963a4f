import { good } from './good.ts'
import type { Draft, Kind, Material } from './kind.ts'
import { askIn, drawQuestion, WAYS } from './question.ts'

function inARow (material: Material): Draft {
  const asked = askIn(material.draw.pick(WAYS), material, drawQuestion(material))
  const count = material.draw.between(2, 4)
  // One that wants its connection closed after its answer would be the last.
  const bytes = Buffer.from(asked.sending.bytes.toString('latin1').replace('Connection: close\r\n', ''), 'latin1')
  return { ...asked, sending: { ...asked.sending, bytes: Buffer.concat(Array(count).fill(bytes)), answers: count }, detail: `${count} in a row, ${asked.detail}` }
}

/** The same request more than once. */
export const repeated: Kind[] = [
  {
    name: 'duplicate',
    weight: 3,
    make (material) {
      const { draw } = material
      return { ...draw.pick(good).make(material), copies: draw.between(2, 4) }
    }
  },
  { name: 'in a row', weight: 2, make: inARow },
  {
    name: 'left in a row',
    weight: 2,
    make (material) {
      const { draw } = material
      const draft = inARow(material)
      const how = draw.pick(['close', 'reset'] as const)
      return { ...draft, sending: { ...draft.sending, cut: { after: 'ms', count: draw.integer(600), how } }, right: [...draft.right, 'cut by the client'] }
    }
  }
]
