import { ImageExpiredError, NoVisionError, PromptTooLongError, withDetails } from '../../errors/catalogue.ts'
import type { Engine, EngineInfo, KnownImage } from '../engine/engine.ts'
import type { ImageHeader } from '../images/inspect.ts'
import type { PlanBounds, PlannedSize, Size } from '../images/plan.ts'
import type { PrepareJob } from '../images/preparer.ts'
import { planBudget } from './budget.ts'
import type { Conversation, PlacedImage } from './conversation.ts'
import type { SizeMemory } from './earlier-images.ts'
import type { ChatRequest, UploadedFile } from './request.ts'

export interface PlanLimits { maxInputPixels: number, maxSide: number, maxPixels: number }

/** An image of the request, with the size at which the model sees it. */
export interface PlannedImage extends PrepareJob {
  file: UploadedFile
  size: PlannedSize
  /** The engine has this image's embedding in exactly this size. */
  cached: boolean
  /** Index of the file to prepare: of several copies with the same size, the first. */
  firstCopy: number
}

export interface ChatPlan {
  /** In the order of the request's files. */
  images: PlannedImage[]
  /** The cached images that the conversation names by id, by their index in the conversation. */
  earlier: Array<KnownImage | undefined>
}

/** Maximum characters of a token. Long runs of spaces come closest. */
const MAX_CHARACTERS_PER_TOKEN = 32
/** Placeholders for a model without vision, for which a plan never contains images. */
const BLIND = { multiple: 28, minTokens: 1, maxTokens: 1 }

export function boundsOf ({ vision }: EngineInfo, limits: PlanLimits): PlanBounds {
  return { ...vision ?? BLIND, ...limits }
}

/**
 * Reads every header and sizes every image. Its errors become HTTP statuses, because nothing has been sent yet.
 * `inspect` also checks the structure of each image: a decoder that has begun cannot be interrupted.
 * @param thinkingTokens maximum number of thought tokens
 * @param inspect reads a file's header
 * @param memory knows in which sizes conversations have shown their images
 * @throws errors of `errors/catalogue.ts`
 */
export async function planRequest (
  request: ChatRequest, thinkingTokens: number, conversation: Conversation, engine: Engine, limits: PlanLimits,
  inspect: (file: UploadedFile) => Promise<ImageHeader>, memory: SizeMemory
): Promise<ChatPlan> {
  const { turns, images } = conversation
  const info = engine.info()
  if (images.length > 0 && info.vision === null) throw new NoVisionError()
  const headers = await readHeaders(request.files, inspect)
  refuseHopelessText(request, info.contextSize)
  const { textTokens, known } =
    await engine.inspect(turns, request.tools, [...new Set(images.map(image => image.key))], thinkingTokens > 0)

  const earlier = memory.select(conversation, known)
  const expired = [...new Set(images.filter(({ file }, i) => file === null && !earlier[i]).map(({ id }) => id))]
  if (expired.length > 0) throw withDetails(new ImageExpiredError(expired.join(', ')), { ids: expired })

  const uploads = images.filter(isUpload)
  const sizes = planBudget({
    contextSize: info.contextSize,
    textTokens,
    historyTokens: earlier.reduce((sum, image) => sum + (image?.tokens ?? 0), 0),
    maxTokens: request.maxTokens,
    thinkingTokens,
    uploads: uploads.map(({ file, maxSide }) => ({ ...headers[file]!, maxSide })),
    bounds: boundsOf(info, limits)
  })
  const planned = request.files.map((file, index) => {
    // A file at two places has one size, because the size depends only on the image and the common factor.
    const own = uploads.findIndex(upload => upload.file === index)
    const place = own === -1 ? uploads.findIndex(upload => upload.id === file.id) : own
    const size = sizes[place]!
    const { key } = uploads[place]!
    const { file: firstCopy } = uploads.find(({ id }, i) => id === file.id && isSameSize(sizes[i]!, size))!
    return {
      file,
      header: headers[index]!,
      size,
      cached: known.some(image => image.id === key && isSameSize(image, size)),
      firstCopy
    }
  })
  memory.remember(conversation, images.map(({ key, file }, i) => earlier[i] ?? { id: key, ...planned[file!]!.size }))
  return { images: planned, earlier }
}

function isSameSize (a: Size, b: Size): boolean {
  return a.width === b.width && a.height === b.height
}

function isUpload (image: PlacedImage): image is PlacedImage & { file: number } {
  return image.file !== null
}

async function readHeaders (
  files: UploadedFile[], inspect: (file: UploadedFile) => Promise<ImageHeader>
): Promise<ImageHeader[]> {
  const first = new Map(files.toReversed().map(file => [file.id, file]))
  const headers = await Promise.allSettled(files.map(({ id }) => inspect(first.get(id)!)))
  return headers.map((outcome, image) => {
    if (outcome.status === 'fulfilled') return outcome.value
    throw withDetails(outcome.reason, { image, field: files[image]!.field })
  })
}

/**
 * Refuses text that would not fit even if every token had the maximum length. Counting the tokens of megabytes of text
 * would delay all answers.
 * @throws PromptTooLongError
 */
function refuseHopelessText ({ turns, tools }: ChatRequest, contextSize: number): void {
  const calls = turns.flatMap(turn => turn.calls ?? [])
  const parts = [...turns.flatMap(turn => turn.parts), ...calls.flatMap(call => call.result)]
  const text = parts.reduce((sum, part) => sum + (part.type === 'text' ? part.text.length : 0), 0)
  const called = calls.reduce((sum, call) => sum + call.name.length + JSON.stringify(call.arguments).length, 0)
  const tokens = Math.ceil((text + called + JSON.stringify(tools).length) / MAX_CHARACTERS_PER_TOKEN)
  if (tokens > contextSize) throw new PromptTooLongError(tokens, contextSize)
}
