import wasm from '@hyzyla/pdfium/pdfium.wasm?url'

/** Why a document or a page cannot be shown. `slow`: its worker was ended. */
export type PdfFault = 'damaged' | 'password' | 'slow'

export type PdfJob =
  | { type: 'open', blob: Blob, wasmUrl: string }
  /** `page` is counted from 1; `maxSide` is the longest side of the preview in pixels. */
  | { type: 'render', page: number, maxSide: number }

export interface PdfCount { pages: number }
/** The size is in points (1/72 inch). The preview is null for a page that is too narrow to be shown. */
export interface PdfPage { width: number, height: number, preview: Blob | null }
export type PdfResult = PdfCount | PdfPage
export type PdfAnswer = PdfResult | { fault: PdfFault }

/** A damaged page can keep the renderer busy for ever. */
const LIMIT_MS = 30_000
/** Workers that render nothing for this time are ended, because each takes tens of megabytes. */
const IDLE_MS = 10_000

export class PdfError extends Error {
  readonly fault: PdfFault

  constructor (fault: PdfFault) {
    super(`PDF: ${fault}`)
    this.fault = fault
  }
}

/** A document. Its worker runs while pages are rendered. No script of the document runs. */
export class PdfFile {
  readonly #blob: Blob
  #worker: Worker | null = null
  #idle: ReturnType<typeof setTimeout> | undefined
  /** One job at a time, so that the limit of time is that of one page. */
  #last: Promise<unknown> = Promise.resolve()

  constructor (blob: Blob) {
    this.#blob = blob
  }

  /**
   * Counts the pages.
   * @throws PdfError
   */
  async count (): Promise<number> {
    return await this.#next(async () => (await this.#open()).pages)
  }

  /**
   * Renders a page, on white, with its annotations and form fields.
   * @param page from 1
   * @param maxSide longest side of the preview in pixels
   * @param signal withdraws a job that has not begun
   * @throws PdfError, the reason of `signal`
   */
  async render (page: number, maxSide: number, signal?: AbortSignal): Promise<PdfPage> {
    return await this.#next(async () => {
      signal?.throwIfAborted()
      if (this.#worker === null) await this.#open()
      return await this.#run<PdfPage>({ type: 'render', page, maxSide })
    })
  }

  async #next<T> (work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(async () => {
      clearTimeout(this.#idle)
      try {
        return await work()
      } finally {
        this.#idle = setTimeout(() => this.#end(), IDLE_MS)
      }
    })
    this.#last = result.catch(() => {})
    return await result
  }

  async #open (): Promise<PdfCount> {
    this.#end()
    this.#worker = new Worker(new URL('./pdf-worker.ts', import.meta.url), { type: 'module', name: 'pdf' })
    return await this.#run<PdfCount>({ type: 'open', blob: this.#blob, wasmUrl: new URL(wasm, location.href).href })
  }

  async #run<T extends PdfResult> (job: PdfJob): Promise<T> {
    const worker = this.#worker!
    let timer
    const answer = await new Promise<PdfAnswer>(resolve => {
      timer = setTimeout(() => resolve({ fault: 'slow' }), LIMIT_MS)
      worker.onmessage = ({ data }: MessageEvent<PdfAnswer>) => resolve(data)
      worker.onerror = () => resolve({ fault: 'damaged' })
      worker.postMessage(job)
    })
    clearTimeout(timer)
    if (!('fault' in answer)) return answer as T
    // After a fault, PDFium's memory may be in any state.
    this.#end()
    throw new PdfError(answer.fault)
  }

  #end (): void {
    this.#worker?.terminate()
    this.#worker = null
  }
}
