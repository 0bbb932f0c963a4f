import { chunkedRequest, dataUri, postRequest, type Body } from '../lib/http.ts'
import { LIMITS } from '../settings.ts'
import { draft, type Draft, type Kind, type Material } from './kind.ts'
import { bodyIn, drawQuestion, fresh, JSONS, STREAMS } from './question.ts'

const MB = 1024 * 1024
const MANY_IMAGES = 20_000

/** The request for a body, by its length or in chunks. */
function requestFor (path: string, body: Body, { draw }: Material): Buffer {
  return draw.chance(0.5) ? postRequest(path, body) : chunkedRequest(path, body, { chunk: draw.between(2000, 100_000) })
}

/** A question whose last image has a fault a few characters before its end. */
function lateFault (material: Material): Draft {
  const { draw, images } = material
  const way = draw.pick(JSONS)
  const some = Array.from({ length: draw.between(1, 2) }, () => fresh(draw, draw.pick(images.photos)))
  const { path, body } = bodyIn(way, material, { question: 'What is it?', images: some })
  const [detail, fault, ending] = draw.pick([
    ['a character that is not base64', '*', 'error 400 INVALID_FIELD'],
    ['a line break', '\n', 'error 400 INVALID_JSON'],
    ['an invalid escape', '\\x', 'error 400 INVALID_JSON'],
    // Base64 that ends here may also be one digit too long.
    ['the end of the string', '"', 'error 400 INVALID_*']
  ] as const)
  const uri = dataUri(some.at(-1)!)
  const at = body.bytes.lastIndexOf(uri) + uri.length - draw.between(5, 500)
  const bytes = Buffer.concat([body.bytes.subarray(0, at), Buffer.from(fault), body.bytes.subarray(at)])
  return draft(requestFor(path, { ...body, bytes }, material), ending, { detail: `${detail}, ${way}` })
}

/** A question with an image above the limit, which may have no end. */
function hugeImage (material: Material): Draft {
  const { draw, images } = material
  const way = draw.pick(JSONS)
  const isEndless = draw.chance(0.3)
  const [first] = draw.pick(images.known).images
  const huge = Buffer.concat([images.photos[0]!, draw.bytes((LIMITS.maxFileMb + draw.between(0, 1)) * MB)])
  const { path, body } = bodyIn(way, material, { question: 'What is it?', images: [first!, huge] })
  const uri = dataUri(huge)
  const bytes = body.bytes.subarray(0, body.bytes.lastIndexOf(uri) + uri.length)
  return draft(
    isEndless ? chunkedRequest(path, { ...body, bytes }, { end: false }) : requestFor(path, body, material),
    'error 413 FILE_TOO_LARGE', { detail: isEndless ? `endless, ${way}` : way }
  )
}

/** Images in JSON bodies, which are saved while they arrive. */
export const jsonImages: Kind[] = [
  {
    name: 'JSON in pieces',
    weight: 3,
    make (material) {
      const { draw } = material
      const way = draw.pick(JSONS)
      const question = drawQuestion(material)
      const { path, body } = bodyIn(way, material, question)
      const chunk = draw.between(1, 2000)
      return draft(
        chunkedRequest(path, body, { chunk }), STREAMS.includes(way) ? 'stream' : 'answer',
        { text: question.answer, detail: `${chunk} bytes, ${way}` }
      )
    }
  },
  { name: 'late fault in JSON', weight: 3, make: lateFault },
  { name: 'huge image in JSON', weight: 3, make: hugeImage },
  {
    name: 'countless images in JSON',
    weight: 1,
    make (material) {
      const [image] = material.images.known[0]!.images
      const way = material.draw.pick(JSONS)
      const some = Array<Buffer>(MANY_IMAGES).fill(image!.subarray(0, 100))
      const { path, body } = bodyIn(way, material, { question: 'What is it?', images: some })
      return draft(requestFor(path, body, material), 'error 400 TOO_MANY_COPIES', { detail: way })
    }
  }
]
