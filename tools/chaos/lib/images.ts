import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import { drawImage } from '../../bench/lib/images.ts'
import { readExamples } from '../../evaluation/examples.ts'
import { ROOT } from '../../../config/root.ts'
import sharp from '../../../services/images/sharp.ts'
import { createDocuments, type Documents } from './documents.ts'

/** A question whose only right answer is known. */
export interface KnownQuestion {
  question: string
  images: Buffer[]
  answer: string
}

/** Images and questions for requests. The same seed gives the same ones. */
export interface Images {
  known: readonly KnownQuestion[]
  /** Photographs of several sizes and formats, up to 12 megapixels, without known answers. */
  photos: readonly Buffer[]
  /** It shows a red circle on a white background. */
  heic: Buffer
  documents: Documents
  /** Bad images, each with its only right status and code. */
  bad: ReadonlyArray<{ name: string, data: Buffer, status: number, code: string }>
}

const EXAMPLES = path.join(ROOT, 'models/demo/examples')
const HEIC = path.join(ROOT, 'test/fixtures/heic')
/** Questions with at most this many images, for which the demo model's answers are certain. */
const MOST_IMAGES = 2
const NOT_CLAIMED = ['describe-several', 'difference', 'relation', 'which-picture', 'word']

export async function createImages (seed: number): Promise<Images> {
  const known = readExamples(EXAMPLES)
    .filter(({ task, pictures, turns }) =>
      turns.length === 1 && pictures.length <= MOST_IMAGES && !NOT_CLAIMED.includes(task))
    .flatMap(({ pictures, turns: [turn] }) => {
      const answer = turn!.expect!.exact
      return typeof answer === 'string'
        ? [{ question: turn!.message, answer, images: pictures.map(name => readFileSync(path.join(EXAMPLES, name))) }]
        : []
    })
  const drawn = await Promise.all([
    drawImage(seed, { width: 4000, height: 3000 }),
    drawImage(seed + 1, { width: 2000, height: 1500, format: 'webp' }),
    drawImage(seed + 2, { width: 640, height: 480, format: 'png' }),
    drawImage(seed + 3, { width: 168, height: 140, format: 'png' })
  ])
  const heics = ['plain', 'ten-bits', 'alpha', 'circle'].map(name => readFileSync(path.join(HEIC, `${name}.heic`)))
  const documents = createDocuments()
  const [photo, , small] = drawn.map(({ data }) => data)
  return {
    known,
    heic: heics.at(-1)!,
    documents,
    photos: [...drawn.map(({ data }) => data), ...heics, ...await Promise.all([
      sharp(small).tiff().toBuffer(),
      sharp(small).gif().toBuffer(),
      sharp(small).jpeg().withMetadata({ orientation: 6 }).toBuffer(),
      sharp(small).ensureAlpha(0.5).png().toBuffer()
    ])],
    bad: [
      ...bad('EMPTY_FILE', 422, { nothing: Buffer.alloc(0) }),
      ...bad('UNSUPPORTED_IMAGE', 415, {
        text: Buffer.from('hello there'),
        SVG: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>'),
        ZIP: Buffer.from('PK\x03\x04 and so on')
      }),
      ...bad('CORRUPT_IMAGE', 422, {
        'half a JPEG': photo!.subarray(0, photo!.length >> 1),
        'half a HEIC': heics[0]!.subarray(0, heics[0]!.length >> 1),
        'half a PDF': Buffer.from('%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>'),
        'half a PNG': small!.subarray(0, small!.length >> 1),
        'a PNG without its end': known[0]!.images[0]!.subarray(0, -200)
      }),
      ...bad('IMAGE_TOO_MANY_PIXELS', 422, { 'a bomb': pngClaiming(60_000, 60_000) }),
      ...bad('IMAGE_TOO_NARROW', 422, {
        'a thread': await sharp({ create: { width: 4000, height: 2, channels: 3, background: 'red' } }).png().toBuffer()
      })
    ]
  }
}

/** The id of an image in receipts. */
export function idOf (data: Buffer): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`
}

function bad (code: string, status: number, images: Record<string, Buffer>): Array<Images['bad'][number]> {
  return Object.entries(images).map(([name, data]) => ({ name, data, status, code }))
}

/** A PNG whose header claims more pixels than it contains. */
function pngClaiming (width: number, height: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2], 8)
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(Buffer.alloc(1000))), pngChunk('IEND', Buffer.alloc(0))
  ])
}

function pngChunk (type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data])
  const [size, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  size.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([size, body, sum])
}
