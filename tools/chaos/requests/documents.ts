import type { Kind, Material } from './kind.ts'
import { askIn, fresh, WAYS, type Question } from './question.ts'

const WHAT = 'What is in the picture?'
/** A page that cannot be rendered gets an error, or an event if the stream has begun. */
const CORRUPT = ['error 422 CORRUPT_IMAGE', 'event CORRUPT_IMAGE']

/** A question about one page, whose answer is known. */
function drawPage ({ draw, images: { documents: { report, colours } } }: Material): Question {
  const page = draw.integer(colours.length)
  return {
    question: WHAT,
    images: [draw.chance(0.5) ? fresh(draw, report) : report],
    answer: `A ${colours[page]} square on a white background.`,
    more: { pages: String(page + 1) }
  }
}

/** Questions about PDF documents and HEIC photographs. */
export const documents: Kind[] = [
  { name: 'page', weight: 3, make: material => askIn(material.draw.pick(WAYS), material, drawPage(material)) },
  {
    name: 'HEIC',
    weight: 2,
    make (material) {
      const { draw, images: { heic } } = material
      const images = [draw.chance(0.5) ? fresh(draw, heic) : heic]
      return askIn(
        draw.pick(WAYS), material, { question: WHAT, images, answer: 'A red circle on a white background.' }
      )
    }
  },
  {
    name: 'all pages and a HEIC',
    weight: 1,
    make (material) {
      const { draw, images: { documents: { report }, heic } } = material
      const images = [fresh(draw, report), heic, report]
      return askIn(draw.pick(WAYS), material, { question: 'Describe the images.', images })
    }
  },
  {
    name: 'page that does not exist',
    weight: 1,
    make (material) {
      const { draw } = material
      const asked = askIn(draw.pick(WAYS), material, { ...drawPage(material), more: { pages: '2-4' } })
      return { ...asked, text: undefined, right: ['error 400 INVALID_FIELD'] }
    }
  },
  {
    name: 'mutated PDF',
    weight: 2,
    make (material) {
      const { draw, images: { documents: { report } } } = material
      const pdf = Buffer.from(report)
      // The first bytes decide that the file is a PDF.
      for (let i = draw.between(1, 50); i > 0; i--) pdf[draw.between(5, pdf.length - 1)] = draw.integer(256)
      const asked = askIn(draw.pick(WAYS), material, { question: WHAT, images: [pdf] })
      return { ...asked, right: [...asked.right, ...CORRUPT] }
    }
  },
  {
    name: 'page that takes much memory',
    weight: 1,
    make (material) {
      const { draw, images: { documents: { large } } } = material
      const asked = askIn(draw.pick(WAYS), material, { question: WHAT, images: [fresh(draw, large)] })
      return { ...asked, right: CORRUPT }
    }
  },
  {
    name: 'left while a page is rendered',
    weight: 2,
    make (material) {
      const { draw, images: { documents: { slow } } } = material
      const asked = askIn(draw.pick(WAYS), material, { question: WHAT, images: [fresh(draw, slow)] })
      const cut = { after: 'ms', count: draw.between(100, 2000), how: draw.pick(['close', 'reset'] as const) } as const
      return { ...asked, sending: { ...asked.sending, cut }, right: ['cut by the client'] }
    }
  }
]
