/** The thread that decodes HEIC with libheif. It answers each `ThreadJob` with a `ThreadMessage`. */
import { readFileSync } from 'node:fs'
import { loadLibheif } from './libheif.ts'
import { profileOf } from './rgb-profile.ts'
import { Refusal, serveDecoder } from './serve.ts'
import { createTiff } from './tiff-file.ts'

/** Size of the image according to its header, which has been checked. */
export interface HeicOptions { width: number, height: number }

await serveDecoder(async () => {
  const open = loadLibheif()
  return (path, options) => {
    const image = open(readFileSync(path))
    const { width, height } = options as HeicOptions
    if (image.width !== width || image.height !== height) {
      throw new Refusal('damaged', `The image has ${image.width} x ${image.height} pixels, not ${width} x ${height}`)
    }
    const channels = image.hasAlpha ? 4 : 3
    const profile = image.profile.length > 0 ? image.profile : profileOf(image.codes)
    const { file, pixelsAt } = createTiff({ width, height, channels, profile })
    const pixels = file.subarray(pixelsAt)
    image.decodeInto(pixels)
    if (image.isPremultiplied) divideByAlpha(pixels)
    return { result: file, transfer: [file.buffer as ArrayBuffer] }
  }
})

function divideByAlpha (pixels: Uint8Array): void {
  for (let i = 0; i < pixels.length; i += 4) {
    const alpha = pixels[i + 3]!
    if (alpha === 0 || alpha === 255) continue
    for (let k = i; k < i + 3; k++) pixels[k] = Math.min(255, Math.round(pixels[k]! * 255 / alpha))
  }
}
