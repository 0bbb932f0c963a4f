/** The worker that decodes a HEIC for the screen. The page ends it to free its memory, or when it takes too long. */
import libheif from 'libheif-js/libheif-wasm/libheif.js'
import type { HeicJob, HeicResult } from './heic.ts'

/** The functions of libheif's C interface that this worker uses. Pointers are numbers. */
interface Heif {
  readonly HEAPU8: Uint8Array<ArrayBuffer>
  _malloc (bytes: number): number
  _heif_context_alloc (): number
  _heif_context_read_from_memory_without_copy (
    error: number, context: number, at: number, bytes: number, options: number
  ): void
  _heif_context_get_primary_image_handle (error: number, context: number, handle: number): void
  _heif_image_handle_get_width (handle: number): number
  _heif_image_handle_get_height (handle: number): number
  _heif_decode_image (
    error: number, handle: number, image: number, space: number, chroma: number, options: number
  ): void
  _heif_image_get_plane_readonly (image: number, channel: number, stride: number): number
}

const RGB = 1
const INTERLEAVED_RGBA = 11
const INTERLEAVED = 10
const ERROR_BYTES = 12
/** Larger previews show no more on a screen. Boxes use the size of the original. */
const MAX_SIDE = 4_096
const QUALITY = 0.9

const factory = libheif as unknown as (options: object) => Heif

addEventListener('message', ({ data }: MessageEvent<HeicJob>) => {
  void decode(data).then(result => postMessage(result), () => postMessage(null))
})

/** @throws Error for a damaged file */
async function decode ({ blob, maxPixels, wasmUrl }: HeicJob): Promise<HeicResult> {
  const [content, wasm] = await Promise.all([
    blob.arrayBuffer(), WebAssembly.compileStreaming(fetch(wasmUrl))
  ])
  const heif = factory({
    instantiateWasm (imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) {
      const instance = new WebAssembly.Instance(wasm, imports)
      done(instance)
      return instance.exports
    },
    print () {},
    printErr () {}
  })
  const error = heif._malloc(ERROR_BYTES)
  const output = heif._malloc(4)
  const number = (at: number) => new DataView(heif.HEAPU8.buffer).getUint32(at, true)
  const check = () => { if (number(error) !== 0) throw new Error('damaged') }

  const context = heif._heif_context_alloc()
  const copy = heif._malloc(content.byteLength)
  heif.HEAPU8.set(new Uint8Array(content), copy)
  heif._heif_context_read_from_memory_without_copy(error, context, copy, content.byteLength, 0)
  check()
  heif._heif_context_get_primary_image_handle(error, context, output)
  check()
  const handle = number(output)
  const width = heif._heif_image_handle_get_width(handle)
  const height = heif._heif_image_handle_get_height(handle)
  if (width * height > maxPixels) return { width, height, preview: null }

  heif._heif_decode_image(error, handle, output, RGB, INTERLEAVED_RGBA, 0)
  check()
  const plane = heif._heif_image_get_plane_readonly(number(output), INTERLEAVED, output)
  const stride = number(output)
  const pixels = new Uint8ClampedArray(4 * width * height)
  for (let y = 0; y < height; y++) {
    pixels.set(heif.HEAPU8.subarray(plane + y * stride, plane + y * stride + 4 * width), 4 * width * y)
  }
  return { width, height, preview: await toBlob(new ImageData(pixels, width, height)) }
}

async function toBlob (image: ImageData): Promise<Blob> {
  const scale = Math.min(1, MAX_SIDE / Math.max(image.width, image.height))
  const width = Math.max(1, Math.round(image.width * scale))
  const height = Math.max(1, Math.round(image.height * scale))
  const bitmap = await createImageBitmap(image, { resizeWidth: width, resizeHeight: height, resizeQuality: 'high' })
  const canvas = new OffscreenCanvas(width, height)
  canvas.getContext('2d')!.drawImage(bitmap, 0, 0)
  // WebP keeps alpha. Browsers that cannot write it write PNG.
  return await canvas.convertToBlob({ type: 'image/webp', quality: QUALITY })
}
