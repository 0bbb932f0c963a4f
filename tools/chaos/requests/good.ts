import type { Kind } from './kind.ts'
import { askIn, drawQuestion, fresh, WAYS } from './question.ts'

const SCHEMA = {
  type: 'json_schema',
  json_schema: {
    name: 'shape',
    schema: {
      type: 'object',
      properties: { shape: { enum: ['heart', 'star'] }, count: { type: 'integer', minimum: 0, maximum: 9 } },
      required: ['shape', 'count']
    }
  }
}
/** Makes the demo model write a longer answer. */
const LONG = { temperature: 1.5, max_tokens: 300 }

/** Ordinary questions. */
export const good: Kind[] = [
  {
    name: 'good',
    weight: 10,
    make: material => askIn(material.draw.pick(WAYS), material, drawQuestion(material))
  },
  {
    name: 'several images',
    weight: 3,
    make (material) {
      const { draw, images } = material
      const some = Array.from({ length: draw.between(2, 8) }, () => draw.pick(draw.pick(images.known).images))
      return askIn(draw.pick(WAYS), material, { question: 'Describe the images.', images: some })
    }
  },
  {
    name: 'photograph',
    weight: 2,
    make (material) {
      const { draw, images } = material
      const photo = draw.pick(images.photos)
      return askIn(
        draw.pick(WAYS), material,
        { question: 'What is in the picture?', images: [draw.chance(0.7) ? fresh(draw, photo) : photo] }
      )
    }
  },
  {
    name: 'text alone',
    weight: 2,
    make: material => askIn(
      material.draw.pick(WAYS), material,
      { question: 'Hello, who are you?', images: [], more: material.draw.chance(0.5) ? LONG : {} }
    )
  },
  {
    name: 'schema',
    weight: 1,
    make: material => askIn(
      material.draw.pick(WAYS), material,
      { ...drawQuestion(material), answer: undefined, more: { response_format: SCHEMA } }
    )
  }
]
