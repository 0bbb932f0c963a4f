import sharp from '../../../services/images/sharp.ts'
import { generator } from '../../lib/random.ts'

export type ImageFormat = 'jpeg' | 'png' | 'webp'

export interface ImageOptions {
  width: number
  height: number
  format?: ImageFormat
}

export interface Image {
  data: Buffer
  type: string
}

/** Side of the squares that random pixels are enlarged to. Without them, files would be ten times as large. */
const GRAIN = 8
const SHAPES = 12

/** Draws an image from a seed. */
export async function drawImage (seed: number, { width, height, format = 'jpeg' }: ImageOptions): Promise<Image> {
  const random = generator(seed)
  const grain = { width: Math.ceil(width / GRAIN), height: Math.ceil(height / GRAIN), channels: 3 as const }
  const colours = Buffer.from(Uint8Array.from({ length: grain.width * grain.height * 3 }, () => 64 + 128 * random()))
  const image = sharp(colours, { raw: grain })
    .resize(width, height, { fit: 'fill', kernel: 'cubic' })
    .composite([{ input: Buffer.from(drawShapes(random, width, height)) }])
    .removeAlpha()
  return { data: await encode(image, format), type: `image/${format}` }
}

export function drawImages (seeds: readonly number[], options: ImageOptions): Promise<Image[]> {
  return Promise.all(seeds.map(seed => drawImage(seed, options)))
}

function drawShapes (random: () => number, width: number, height: number): string {
  const circles = Array.from({ length: SHAPES }, () => {
    const [x, y, radius, hue] =
      [random() * width, random() * height, (0.05 + random() * 0.15) * Math.min(width, height), random() * 360]
    return `<circle cx="${x}" cy="${y}" r="${radius}" fill="hsl(${hue}, 80%, 50%)"/>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${circles.join('')}</svg>`
}

function encode (image: ReturnType<typeof sharp>, format: ImageFormat): Promise<Buffer> {
  switch (format) {
    case 'jpeg': return image.jpeg({ quality: 90 }).toBuffer()
    // A low level is faster to write, and reading takes equally long.
    case 'png': return image.png({ compressionLevel: 3 }).toBuffer()
    // At quality 90, libwebp fails with 50 megapixels.
    case 'webp': return image.webp({ quality: 80, effort: 2 }).toBuffer()
  }
}
