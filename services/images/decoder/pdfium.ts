import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { PDFiumLibrary } from '@hyzyla/pdfium'
import { withFontFolder, type Imports } from './font-folder.ts'
import type { PageSize } from './pdf-job.ts'

// PDFium runs only in a thread (`pdf-thread.ts`), because a hostile document can keep it busy or crash it.

/**
 * Why a document or a page is refused: it is damaged, needs a password, has an unknown encryption, or has Chinese,
 * Japanese or Korean text for which there is no font.
 */
export type PdfFault = 'damaged' | 'password' | 'encryption' | 'font'

/** A document or a page that PDFium refuses. */
export class PdfError extends Error {
  readonly fault: PdfFault

  constructor (fault: PdfFault) {
    super(`PDFium: ${fault}`)
    this.fault = fault
  }
}

/** The functions of PDFium that are used. Pointers are offsets into the memory of the WebAssembly module. */
export interface Pdfium {
  HEAPU8: Uint8Array
  wasmExports: { malloc (bytes: number): number }
  _FPDF_LoadMemDocument (data: number, bytes: number, password: number): number
  _FPDF_GetLastError (): number
  _FPDF_GetPageCount (document: number): number
  _FPDF_GetPageSizeByIndexF (document: number, index: number, size: number): number
  _FPDF_LoadPage (document: number, index: number): number
  _FPDFText_LoadPage (page: number): number
  _FPDFText_CountChars (text: number): number
  _FPDFText_GetUnicode (text: number, index: number): number
  _FPDFText_GetTextObject (text: number, index: number): number
  _FPDFTextObj_GetFont (object: number): number
  _FPDFTextObj_GetTextRenderMode (object: number): number
  _FPDFFont_GetIsEmbedded (font: number): number
  _FPDFDOC_InitFormFillEnvironment (document: number, info: number): number
  _FPDF_FFLDraw (
    form: number, bitmap: number, page: number, x: number, y: number, width: number, height: number, rotate: number,
    flags: number
  ): void
  _FORM_OnAfterLoadPage (page: number, form: number): void
  _FPDFBitmap_CreateEx (width: number, height: number, format: number, data: number, stride: number): number
  _FPDFBitmap_FillRect (
    bitmap: number, left: number, top: number, width: number, height: number, colour: number
  ): void
  _FPDF_RenderPageBitmap (
    bitmap: number, page: number, x: number, y: number, width: number, height: number, rotate: number, flags: number
  ): void
}

/** Values of PDFium's public headers. */
const FAULTS: Record<number, PdfFault> = { 4: 'password', 5: 'encryption' }
const BITMAP_BGRX = 3
const FLAG_ANNOTATIONS = 0x01
/** Writes red first: RGBX. */
const FLAG_REVERSE_BYTES = 0x10
const WHITE = 0xffffffff
const PIXEL_BYTES = 4
const INVISIBLE = 3
/** Two floats. */
const SIZE_BYTES = 8

/** Size and version of FPDF_FORMFILLINFO. All its callbacks stay null, so there is no platform for scripts. */
const FORM_INFO_BYTES = 256
const FORM_INFO_VERSION = 2

/** The part of WebAssembly's interface that is used. Node's types do not have it. */
interface WasmApi {
  compile (bytes: Uint8Array): Promise<WasmProgram>
  instantiate (program: WasmProgram, imports: object): Promise<WasmInstance>
}
interface WasmInstance { exports: { memory: { buffer: ArrayBuffer } } }
const wasm = (globalThis as unknown as { WebAssembly: WasmApi }).WebAssembly
/** A compiled program. */
type WasmProgram = object

/** Compiles PDFium's program. */
export async function compilePdfium (): Promise<WasmProgram> {
  return await wasm.compile(await readFile(fileURLToPath(import.meta.resolve('@hyzyla/pdfium/pdfium.wasm'))))
}

/**
 * Starts PDFium with a memory of its own. It takes a few milliseconds.
 * @param font a file with a font for Chinese, Japanese and Korean text; null for none
 */
export async function startPdfium (program: WasmProgram, font: string | null): Promise<Pdfium> {
  const library = await PDFiumLibrary.init({
    instantiateWasm (imports, onStarted) {
      const start = onStarted as (instance: object, program: WasmProgram) => void
      let started: WasmInstance | null = null
      const given = imports as unknown as Imports
      const seen = font === null ? given : withFontFolder(given, font, () => started!.exports.memory.buffer)
      void wasm.instantiate(program, seen).then(instance => {
        started = instance
        start(instance, program)
      })
      return {}
    }
  })
  // The package's classes know neither the sizes of pages that are not loaded nor errors of pages.
  return (library as unknown as { module: Pdfium }).module
}

/**
 * A document. PDFium reads the objects of a page when the page is asked for. Nothing is freed, because each document
 * has a PDFium of its own.
 */
export class PdfDocument {
  readonly #pdfium: Pdfium
  readonly #document: number

  /** @throws PdfError */
  constructor (pdfium: Pdfium, bytes: Uint8Array) {
    const data = allocate(pdfium, bytes.length)
    pdfium.HEAPU8.set(bytes, data)
    this.#pdfium = pdfium
    this.#document = pdfium._FPDF_LoadMemDocument(data, bytes.length, 0)
    if (this.#document === 0) throw new PdfError(FAULTS[pdfium._FPDF_GetLastError()] ?? 'damaged')
  }

  /** Number of pages. */
  get pages (): number {
    return this.#pdfium._FPDF_GetPageCount(this.#document)
  }

  /**
   * Returns the size of a page, without reading its content.
   * @param page from 1
   * @returns null if the page cannot be read
   */
  sizeOf (page: number): PageSize | null {
    const pdfium = this.#pdfium
    const size = allocate(pdfium, SIZE_BYTES)
    if (pdfium._FPDF_GetPageSizeByIndexF(this.#document, page - 1, size) === 0) return null
    const view = new DataView(pdfium.HEAPU8.buffer, size, SIZE_BYTES)
    const [width, height] = [view.getFloat32(0, true), view.getFloat32(4, true)]
    return width > 0 && height > 0 && Number.isFinite(width * height) ? { width, height } : null
  }

  /**
   * Renders a page on white, with annotations and form fields. No script runs.
   * @param page from 1
   * @param hasCjkFont PDFium was started with a font for Chinese, Japanese and Korean text
   * @returns RGBX, 4 bytes for each pixel
   * @throws PdfError
   */
  render (page: number, width: number, height: number, hasCjkFont = true): Uint8Array<ArrayBuffer> {
    const pdfium = this.#pdfium
    const info = allocate(pdfium, FORM_INFO_BYTES)
    pdfium.HEAPU8.fill(0, info, info + FORM_INFO_BYTES)
    pdfium.HEAPU8[info] = FORM_INFO_VERSION
    const form = pdfium._FPDFDOC_InitFormFillEnvironment(this.#document, info)
    const handle = pdfium._FPDF_LoadPage(this.#document, page - 1)
    if (handle === 0) throw new PdfError('damaged')
    if (!hasCjkFont && needsCjkFont(pdfium, handle)) throw new PdfError('font')
    if (form !== 0) pdfium._FORM_OnAfterLoadPage(handle, form)

    const stride = width * PIXEL_BYTES
    const data = allocate(pdfium, stride * height)
    const bitmap = pdfium._FPDFBitmap_CreateEx(width, height, BITMAP_BGRX, data, stride)
    const flags = FLAG_ANNOTATIONS | FLAG_REVERSE_BYTES
    pdfium._FPDFBitmap_FillRect(bitmap, 0, 0, width, height, WHITE)
    pdfium._FPDF_RenderPageBitmap(bitmap, handle, 0, 0, width, height, 0, flags)
    if (form !== 0) pdfium._FPDF_FFLDraw(form, bitmap, handle, 0, 0, width, height, 0, flags)
    return pdfium.HEAPU8.slice(data, data + stride * height) as Uint8Array<ArrayBuffer>
  }
}

/** Han, Kana, Hangul and full-width forms. */
const CJK = /[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]/

/** Whether a page has text that would be blank, because its font is neither embedded nor a font for such text. */
function needsCjkFont (pdfium: Pdfium, page: number): boolean {
  const text = pdfium._FPDFText_LoadPage(page)
  if (text === 0) return false
  const count = pdfium._FPDFText_CountChars(text)
  for (let index = 0; index < count; index++) {
    if (!CJK.test(String.fromCharCode(pdfium._FPDFText_GetUnicode(text, index)))) continue
    const object = pdfium._FPDFText_GetTextObject(text, index)
    const font = pdfium._FPDFTextObj_GetFont(object)
    // Scanners write the recognized text invisibly over the image.
    if (pdfium._FPDFTextObj_GetTextRenderMode(object) === INVISIBLE) continue
    if (font !== 0 && pdfium._FPDFFont_GetIsEmbedded(font) === 0) return true
  }
  return false
}

function allocate ({ wasmExports }: Pdfium, bytes: number): number {
  const pointer = wasmExports.malloc(bytes)
  if (pointer === 0) throw new RangeError('PDFium gets no more memory')
  return pointer
}
