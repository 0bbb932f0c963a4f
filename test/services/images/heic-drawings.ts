import sharp, { type Sharp } from 'sharp'

export const WIDTH = 96
export const HEIGHT = 64

/** The colour of the drawing at a pixel: two gradients, and a block in one corner, so that each orientation differs. */
export function colourAt (x: number, y: number): [number, number, number] {
  if (x < WIDTH / 3 && y < HEIGHT / 3) return [220, 40, 40]
  return [Math.round(60 + 150 * x / WIDTH), Math.round(40 + 180 * y / HEIGHT), 120]
}

/** Draws the image from which the fixtures are encoded, or a part of it. */
export function drawing (left = 0, top = 0, width = WIDTH, height = HEIGHT): Sharp {
  const data = Buffer.alloc(width * height * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data.set(colourAt(left + x, top + y), 3 * (y * width + x))
  }
  return sharp(data, { raw: { width, height, channels: 3 } })
}

/** The alpha of the drawing with transparency: opaque on the left, half transparent on the right. */
export const alphaAt = (x: number) => x < WIDTH / 2 ? 255 : 128

/** @param premultiplied the colours are already multiplied by alpha */
export async function drawingWithAlpha ({ premultiplied = false } = {}): Promise<Sharp> {
  const colours = await drawing().raw().toBuffer()
  const data = Buffer.alloc(WIDTH * HEIGHT * 4)
  for (let i = 0; i < WIDTH * HEIGHT; i++) {
    const alpha = alphaAt(i % WIDTH)
    const factor = premultiplied ? alpha / 255 : 1
    for (let k = 0; k < 3; k++) data[4 * i + k] = colours[3 * i + k]! * factor
    data[4 * i + 3] = alpha
  }
  return sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels: 4 } })
}
