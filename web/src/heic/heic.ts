import wasm from 'libheif-js/libheif-wasm/libheif.wasm?url'

export interface HeicJob {
  blob: Blob
  /** A larger image is not decoded; only its size is read. */
  maxPixels: number
  wasmUrl: string
}

/** Size of the primary image, upright. The preview is null for an image that is too large. */
export interface HeicResult { width: number, height: number, preview: Blob | null }

/** A damaged file can keep the decoder busy for ever. */
const LIMIT_MS = 30_000

let last: Promise<unknown> = Promise.resolve()

/**
 * Decodes a HEIC for the screen, one at a time because a photograph needs hundreds of megabytes. Each gets a worker of
 * its own, whose end frees this memory. Returns null when the file cannot be decoded.
 */
export async function decodeHeic (blob: Blob, maxPixels: number): Promise<HeicResult | null> {
  const result = last.then(async () => await runWorker({ blob, maxPixels, wasmUrl: new URL(wasm, location.href).href }))
  last = result
  return await result
}

async function runWorker (job: HeicJob): Promise<HeicResult | null> {
  const worker = new Worker(new URL('./heic-worker.ts', import.meta.url), { type: 'module', name: 'heic' })
  try {
    return await new Promise(resolve => {
      setTimeout(() => resolve(null), LIMIT_MS)
      worker.onmessage = ({ data }: MessageEvent<HeicResult | null>) => resolve(data)
      worker.onerror = () => resolve(null)
      worker.postMessage(job)
    })
  } finally {
    worker.terminate()
  }
}
