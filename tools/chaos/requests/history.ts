import type { Kind, Material } from './kind.ts'
import { namedImages } from './named-images.ts'
import { askIn, drawQuestion, fresh, WAYS, type Question } from './question.ts'

function drawFollowUp (material: Material): Question {
  const { draw } = material
  const { question, images, answer } = draw.pick(material.images.known)
  const before = { question, images, answer }
  return {
    question: 'What is the colour of the background?',
    before,
    images: draw.chance(0.3) ? drawQuestion(material).images : []
  }
}

/** Ways of asking that have fields for the history. */
const CHAT_WAYS = WAYS.filter(way => !way.startsWith('completion'))

/** Follow-up questions. */
export const history: Kind[] = [
  {
    name: 'history by id',
    weight: 4,
    make (material) {
      const draft = askIn(material.draw.pick(WAYS), material, drawFollowUp(material))
      // The cache is small, and empty after a restart. An image may also be evicted before the answer.
      return { ...draft, right: [...draft.right, 'error 410 IMAGE_EXPIRED', 'event IMAGE_EXPIRED'] }
    }
  },
  {
    name: 'history sent again',
    weight: 2,
    make (material) {
      const { before, ...question } = drawFollowUp(material)
      const images = before!.images.map(image => fresh(material.draw, image))
      return askIn(material.draw.pick(WAYS), material, { ...question, before: { ...before!, images }, again: true })
    }
  },
  {
    name: 'history sent again and again',
    weight: 2,
    make (material) {
      const { draw } = material
      const { before, ...question } = drawFollowUp(material)
      const images = before!.images.map(image => draw.chance(0.5) ? fresh(draw, image) : image)
      const times = draw.between(2, 3)
      const asked = askIn(draw.pick(CHAT_WAYS), material, {
        ...question,
        before: { ...before!, images },
        again: true,
        times
      })
      return { ...asked, detail: `${times} times, ${asked.detail}` }
    }
  },
  { name: 'many ids', weight: 3, make: namedImages },
  {
    name: 'long history',
    weight: 1,
    make (material) {
      const turns = Array.from({ length: 2 * material.draw.between(4, 12) }, (_, i) =>
        ({ role: i % 2 === 0 ? 'user' : 'assistant', content: 'red circle '.repeat(30) }))
      const way = material.draw.pick(CHAT_WAYS)
      return askIn(way, material, { ...drawQuestion(material), answer: undefined, more: { history: turns } })
    }
  },
  {
    name: 'unknown id',
    weight: 1,
    make (material) {
      const before = { question: 'Look at this.', images: [material.draw.bytes(20)], answer: 'I see.' }
      return {
        ...askIn(material.draw.pick(WAYS), material, { question: 'What is it?', images: [], before }),
        right: ['error 410 IMAGE_EXPIRED']
      }
    }
  }
]
