import type { Engine } from '../engine/engine.ts'
import { untilAborted } from '../abort.ts'
import { createGate } from '../gate.ts'
import { inspectImage, type ImageHeader } from '../images/inspect.ts'
import { fit } from '../images/plan.ts'
import { CALLED_OFF, type Anticipated } from '../images/preparation.ts'
import type { PrepareJob, Preparer } from '../images/preparer.ts'
import { usualImageTokens } from './budget.ts'
import { scopedImageId } from './conversation.ts'
import { boundsOf, type PlanLimits } from './plan.ts'
import type { UploadedFile } from './request.ts'

export interface Anticipation {
  /** See `ChatService.anticipate`. */
  begin (file: UploadedFile, scope: string, signal: AbortSignal): Promise<void>
  /**
   * Reads a file's header, once for each file. An abort rejects at once; a read that has begun is completed.
   * @throws errors of `inspectImage`; the reason of `signal`
   */
  inspect (file: UploadedFile, signal: AbortSignal): Promise<ImageHeader>
  /** Returns the preparation that `begin` started for this file. */
  of (file: UploadedFile): Anticipated | undefined
}

/**
 * Maximum number of headers that are read at the same time, over all requests. Preparations and file access share
 * libuv's pool of four threads with them.
 */
const HEADERS_AT_ONCE = 2

/** What the images of one request have in common while they arrive. */
interface Arrival {
  /** Tokens of the images so far. */
  tokens: number
  /** Aborted when the images are too many for the context: the plan will make all of them smaller. */
  tooMany: AbortController
}

/**
 * Prepares and encodes images before their request is complete. Each image gets the size that it would have alone,
 * which is mostly the size that the plan gives it. An error of an image is kept for the plan, which knows the image's
 * place.
 */
export function createAnticipation (
  { engine, preparer, limits }: { engine: Engine, preparer: Preparer, limits: PlanLimits }
): Anticipation {
  const headers = new WeakMap<UploadedFile, Promise<ImageHeader>>()
  const gate = createGate(HEADERS_AT_ONCE)
  const anticipated = new WeakMap<UploadedFile, Anticipated>()
  /** By the signal of the request, which its images share. */
  const arrivals = new WeakMap<AbortSignal, Arrival>()

  function inspect (file: UploadedFile, signal: AbortSignal): Promise<ImageHeader> {
    let header = headers.get(file)
    if (!header) {
      header = gate.run(() => inspectImage(file, limits), signal)
      headers.set(file, header)
    }
    return header
  }

  /** @returns the signal that ends early encodings of this request because of their number */
  function count (tokens: number, request: AbortSignal): AbortSignal {
    const arrival = arrivals.get(request) ?? { tokens: 0, tooMany: new AbortController() }
    arrivals.set(request, arrival)
    arrival.tokens += tokens
    if (arrival.tokens > usualImageTokens(engine.info().contextSize)) arrival.tooMany.abort(CALLED_OFF)
    return arrival.tooMany.signal
  }

  async function encode (
    { file, header, size }: PrepareJob & { file: UploadedFile }, path: string, scope: string, signal: AbortSignal
  ): Promise<void> {
    const original = { width: header.width, height: header.height }
    const { width, height } = size
    const id = scopedImageId(file.id, scope)
    await engine.encodeEarly?.({ id, original, width, height, file: async () => path }, signal)
  }

  async function begin (file: UploadedFile, scope: string, signal: AbortSignal): Promise<void> {
    const info = engine.info()
    if (info.state !== 'ready' || info.vision === null) return
    try {
      const header = await inspect(file, signal)
      const size = fit(header.width, header.height, boundsOf(info, limits))
      const tooMany = count(size.tokens, signal)
      // An image that the engine has cached in this size needs no preparation.
      const { known } = await untilAborted(engine.inspect([], [], [scopedImageId(file.id, scope)]), signal)
      if (signal.aborted || known.some(({ width, height }) => width === size.width && height === size.height)) {
        return
      }
      const job = { file, header, size }
      const own = new AbortController()
      const image = preparer.prepare(job, signal, own.signal)
      anticipated.set(file, { job, image, cancel: () => own.abort(CALLED_OFF) })
      const { path } = await image
      await encode(job, path, scope, AbortSignal.any([signal, own.signal, tooMany]))
    } catch {
      // The plan and the answer await the same promises and handle their errors.
    }
  }

  return { begin, inspect, of: file => anticipated.get(file) }
}
