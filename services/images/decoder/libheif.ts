import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Refusal } from './serve.ts'

/** The functions of libheif's C interface that this service uses. Pointers are numbers. */
interface Exports {
  readonly HEAPU8: Uint8Array<ArrayBuffer>
  _malloc (bytes: number): number
  _heif_context_alloc (): number
  _heif_context_read_from_memory_without_copy (
    error: number, context: number, at: number, bytes: number, options: number
  ): void
  _heif_context_get_primary_image_handle (error: number, context: number, handle: number): void
  _heif_image_handle_get_width (handle: number): number
  _heif_image_handle_get_height (handle: number): number
  _heif_image_handle_has_alpha_channel (handle: number): number
  _heif_image_handle_is_premultiplied_alpha (handle: number): number
  _heif_image_handle_get_raw_color_profile_size (handle: number): number
  _heif_image_handle_get_raw_color_profile (error: number, handle: number, at: number): void
  _heif_image_handle_get_nclx_color_profile (error: number, handle: number, profile: number): void
  _heif_decoding_options_alloc (): number
  _heif_decode_image (
    error: number, handle: number, image: number, space: number, chroma: number, options: number
  ): void
  _heif_image_get_width (image: number, channel: number): number
  _heif_image_get_height (image: number, channel: number): number
  _heif_image_get_plane_readonly (image: number, channel: number, stride: number): number
}

interface Wasm {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: object) => { exports: object }
}

type Factory = (options: object) => Exports

/** Constants of libheif. */
const RGB = 1
const [INTERLEAVED_RGB, INTERLEAVED_RGBA] = [10, 11]
const INTERLEAVED = 10
/** Offsets in `heif_decoding_options`. */
const [HDR_TO_8_BITS_AT, STRICT_AT] = [20, 21]
const ERROR_BYTES = 12

const require = createRequire(import.meta.url)
const { WebAssembly } = globalThis as unknown as { WebAssembly: Wasm }

/** The colour description of an image without ICC profile, in the numbers of ITU-T H.273. */
export interface ColourCodes { primaries: number, transfer: number }

/** The displayed image of a file. Its pixels are upright: libheif has applied rotations, mirrors and crops. */
export interface HeifImage {
  width: number
  height: number
  hasAlpha: boolean
  /** The colours are already multiplied by alpha. */
  isPremultiplied: boolean
  /** ICC profile; empty if there is none. */
  profile: Uint8Array
  codes: ColourCodes | null
  /** Decodes the image and copies its pixels, 8 bits each, interleaved. */
  decodeInto (target: Uint8Array): void
}

/**
 * Compiles libheif and returns a function that opens files. Each file gets a new instance, because an instance has
 * memory that a hostile file could change.
 */
export function loadLibheif (): (content: Uint8Array) => HeifImage {
  const folder = require.resolve('libheif-js/libheif-wasm/libheif.js')
  const factory = require(folder) as Factory
  const wasmBinary = readFileSync(require.resolve('libheif-js/libheif-wasm/libheif.wasm'))
  const module = new WebAssembly.Module(wasmBinary)
  return content => openHeif(factory({
    instantiateWasm (imports: object, done: (instance: object) => void) {
      const instance = new WebAssembly.Instance(module, imports)
      done(instance)
      return instance.exports
    },
    print () {},
    printErr () {}
  }), content)
}

/** @throws Refusal with the code `damaged` */
function openHeif (heif: Exports, content: Uint8Array): HeifImage {
  const error = heif._malloc(ERROR_BYTES)
  const output = heif._malloc(4)
  const number = (at: number) => new DataView(heif.HEAPU8.buffer).getUint32(at, true)
  const check = () => {
    if (number(error) !== 0) throw new Refusal('damaged', textAt(heif.HEAPU8, number(error + 8)))
  }

  const context = heif._heif_context_alloc()
  const copy = heif._malloc(content.length)
  heif.HEAPU8.set(content, copy)
  heif._heif_context_read_from_memory_without_copy(error, context, copy, content.length, 0)
  check()
  heif._heif_context_get_primary_image_handle(error, context, output)
  check()
  const handle = number(output)
  const hasAlpha = heif._heif_image_handle_has_alpha_channel(handle) === 1

  return {
    width: heif._heif_image_handle_get_width(handle),
    height: heif._heif_image_handle_get_height(handle),
    hasAlpha,
    isPremultiplied: heif._heif_image_handle_is_premultiplied_alpha(handle) === 1,
    profile: readProfile(heif, handle, error),
    codes: readCodes(heif, handle, error, output, number),

    decodeInto (target) {
      const options = heif._heif_decoding_options_alloc()
      heif.HEAPU8[options + HDR_TO_8_BITS_AT] = 1
      // Damaged pixels are an error.
      heif.HEAPU8[options + STRICT_AT] = 1
      heif._heif_decode_image(error, handle, output, RGB, hasAlpha ? INTERLEAVED_RGBA : INTERLEAVED_RGB, options)
      check()
      const image = number(output)
      const row = heif._heif_image_get_width(image, INTERLEAVED) * (hasAlpha ? 4 : 3)
      const rows = heif._heif_image_get_height(image, INTERLEAVED)
      const plane = heif._heif_image_get_plane_readonly(image, INTERLEAVED, output)
      const stride = number(output)
      if (row * rows !== target.length) throw new Refusal('damaged', 'The image has another size than its header says')
      for (let y = 0; y < rows; y++) {
        const start = plane + y * stride
        target.set(heif.HEAPU8.subarray(start, start + row), y * row)
      }
    }
  }
}

function readProfile (heif: Exports, handle: number, error: number): Uint8Array {
  const bytes = heif._heif_image_handle_get_raw_color_profile_size(handle)
  if (bytes === 0) return new Uint8Array()
  const at = heif._malloc(bytes)
  heif._heif_image_handle_get_raw_color_profile(error, handle, at)
  return heif.HEAPU8.slice(at, at + bytes)
}

function readCodes (
  heif: Exports, handle: number, error: number, output: number, number: (at: number) => number
): ColourCodes | null {
  heif._heif_image_handle_get_nclx_color_profile(error, handle, output)
  if (number(error) !== 0) return null
  const profile = number(output)
  return { primaries: number(profile + 4), transfer: number(profile + 8) }
}

/** Reads a string that ends with a zero. */
function textAt (memory: Uint8Array, start: number): string {
  return Buffer.from(memory.subarray(start, memory.indexOf(0, start))).toString()
}
