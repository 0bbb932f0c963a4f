import { open } from 'node:fs/promises'
import { InvalidFieldError, SightlineError, TooManyImagesError, withDetails } from '../../errors/catalogue.ts'
import { FIELD_FAULTS } from '../../errors/phrases.ts'
import { readFrames } from '../images/documents/frames.ts'
import { measurePdf, pageLabel, type PdfPages } from '../images/documents/pdf.ts'
import { readPageList } from '../images/documents/page-list.ts'
import type { ImageHeader } from '../images/inspect.ts'
import { KIND_BYTES, kindOf } from '../images/kind.ts'
import { numberOf, partId, type FilePart, type FramePart } from '../images/part.ts'
import { shareOut } from './shares.ts'
import type { ChatPart, ChatTurn, UploadedFile } from './request.ts'

/** The pages that a client asks for. */
export interface PageWish {
  /** The place of the list in the request. Errors name it. */
  field: string
  /** e.g. `1-3,7`; matches the pattern of `PagesSchema`. */
  list: string
}

/** A file of a request, with the parts of it that the client asks for. */
export interface WantedFile {
  file: UploadedFile
  /** The pages of this file, if they differ from those of the request. */
  pages?: PageWish
}

export interface ExpansionRequest {
  /** The files of the question, or all files of a request on `/v1`. */
  files: WantedFile[]
  /** Files of earlier turns that were sent again. The history decides which of their parts are used. */
  resent?: UploadedFile[]
  /** The ids of images that the history names. */
  named?: ReadonlySet<string>
  /** The pages of all PDFs, or of each PDF. Undefined for the first pages for which there is room. */
  pages?: PageWish[]
  /** Number of frames of each animation. */
  frames?: number
}

/** The images of a request. */
export interface ExpandedFiles {
  files: UploadedFile[]
  /** The images of each file of the request, as indexes of `files`. */
  groups: number[][]
  resent: UploadedFile[]
}

export interface ExpansionOptions {
  maxImages: number
  maxInputPixels: number
  inspect (file: UploadedFile, signal: AbortSignal): Promise<ImageHeader>
}

/**
 * Replaces PDF documents by their pages and animations by their frames.
 * @throws TooManyImagesError, InvalidFieldError for pages that do not exist, errors of `inspectImage` and `measurePdf`;
 * the reason of `signal`
 */
export async function expandFiles (
  request: ExpansionRequest, options: ExpansionOptions, signal: AbortSignal
): Promise<ExpandedFiles> {
  const { files, resent = [], named = new Set<string>(), frames = 1 } = request
  const { maxImages } = options
  const wishes = wishesOf(request, await Promise.all(files.map(({ file }) => formatOf(file))))
  const again =
    await inOrder(resent, file => partsOfHistory(file, named, resent, options, signal), files.length)
  const own = await inOrder(files.map(({ file }) => file), (file, index) =>
    partsOfQuestion({ file, pages: wishes[index] }, frames, options, signal))
  const count = countDifferent([...again.flat(), ...own.flatMap(({ images, isFlexible }) => isFlexible ? [] : images)])
  const shares = shareOut(own.map(({ most, isFlexible }) => isFlexible ? most : 0), maxImages - count)
  if (count > maxImages || shares === null) throw new TooManyImagesError(maxImages)
  const groups = own.map(({ images, isFlexible }, index) => isFlexible ? images.slice(0, shares[index]) : images)
  let next = 0
  return { files: groups.flat(), groups: groups.map(images => images.map(() => next++)), resent: again.flat() }
}

/** Replaces each image of the turns by the images of its file. */
export function expandTurns (turns: ChatTurn[], groups: number[][]): ChatTurn[] {
  const expand = (parts: ChatPart[]) => parts.flatMap((part): ChatPart[] =>
    part.type === 'upload' ? groups[part.file]!.map(file => ({ ...part, file })) : [part])
  return turns.map(turn => ({
    ...turn,
    parts: expand(turn.parts),
    ...turn.calls && { calls: turn.calls.map(call => ({ ...call, result: expand(call.result) })) }
  }))
}

/** The images of one file. */
interface Images {
  images: UploadedFile[]
  /** Number of images. */
  most: number
  /** Fewer images are taken if there is no room. */
  isFlexible: boolean
}

/**
 * Assigns the wishes of a request to its files.
 * @throws InvalidFieldError
 */
function wishesOf (
  { files, pages = [] }: ExpansionRequest, formats: Array<string | null>
): Array<PageWish | undefined> {
  const count = formats.filter(format => format === 'pdf').length
  const [first] = pages
  if (first && count === 0) throw new InvalidFieldError('pages', FIELD_FAULTS.needsPdf)
  if (pages.length > 1 && pages.length !== count) {
    throw new InvalidFieldError('pages', {
      en: `has ${pages.length} lists, but the request has ${count} PDF${count === 1 ? '' : 's'}`,
      zh: `有 ${pages.length} 个列表，但请求中有 ${count} 个 PDF`
    })
  }
  let next = 0
  return files.map((file, index) => {
    if (formats[index] !== 'pdf') return undefined
    const wish = pages.length > 1 ? pages[next] : first
    next++
    return file.pages ?? wish
  })
}

async function partsOfQuestion (
  { file, pages: wish }: WantedFile, frames: number, options: ExpansionOptions, signal: AbortSignal
): Promise<Images> {
  const { maxImages, maxInputPixels } = options
  const kind = await formatOf(file)
  if (kind === 'pdf') {
    const wanted = wish ? readWish(wish, maxImages) : Array.from({ length: maxImages }, (_, index) => index + 1)
    const measured = await measurePdf(file, wanted, maxInputPixels, signal)
    if (wish) checkPages(wish, wanted, measured, file)
    const images = measured.pages.map(part => imageOf(file, part))
    return { images, most: images.length, isFlexible: wish === undefined }
  }
  const animation = frames > 1 && isAnimation(kind) ? await readFrames(file, await options.inspect(file, signal)) : []
  const images = animation.length > 0 ? spread(animation, frames).map(part => imageOf(file, part)) : [file]
  return { images, most: images.length, isFlexible: false }
}

/** @throws InvalidFieldError, TooManyImagesError */
function readWish ({ field, list }: PageWish, maxImages: number): number[] {
  const pages = readPageList(list, maxImages)
  if (pages === null) throw new InvalidFieldError(field, FIELD_FAULTS.mustBePages)
  if (pages.length > maxImages) throw new TooManyImagesError(maxImages)
  return pages
}

function checkPages ({ field }: PageWish, wanted: number[], { count }: PdfPages, { label }: UploadedFile): void {
  const missing = wanted.find(page => page > count)
  if (missing === undefined) return
  throw withDetails(new InvalidFieldError(field, {
    en: `names page ${missing}, but ${label} has ${count} page${count === 1 ? '' : 's'}`,
    zh: `指定了第 ${missing} 页，但 ${label} 只有 ${count} 页`
  }), { limit: count })
}

/** Returns the parts of a file that the history names. A file of which nothing is named stays as it is. */
async function partsOfHistory (
  file: UploadedFile, named: ReadonlySet<string>, resent: UploadedFile[], options: ExpansionOptions, signal: AbortSignal
): Promise<UploadedFile[]> {
  const kind = await formatOf(file)
  const isNamed = (type: FilePart['type'], number: number) => named.has(partId(file.id, type, number))
  if (kind === 'pdf') {
    const { count } = await measurePdf(file, [], options.maxInputPixels, signal)
    const wanted = Array.from({ length: count }, (_, index) => index + 1).filter(page => isNamed('page', page))
    const { pages } = await measurePdf(file, wanted, options.maxInputPixels, signal)
    return pages.length === 0 ? [file] : pages.map(part => imageOf(file, part))
  }
  const known = new Set(resent.map(({ id }) => id))
  if (!isAnimation(kind) || [...named].every(id => known.has(id))) return [file]
  const frames = await readFrames(file, await options.inspect(file, signal))
  const wanted = frames.filter(({ frame }) => isNamed('frame', frame)).map(part => imageOf(file, part))
  return wanted.length === 0 ? [file] : wanted
}

function imageOf (file: UploadedFile, part: FilePart): UploadedFile {
  const number = numberOf(part)
  const label = part.type === 'page' ? pageLabel(file.label, number) : `${file.label}, frame ${number}`
  return { ...file, id: partId(file.id, part.type, number), label, part, document: file.id }
}

/** Takes evenly spaced frames, the first one included. */
function spread (frames: FramePart[], wanted: number): FramePart[] {
  const count = Math.min(wanted, frames.length)
  return Array.from({ length: count }, (_, index) => frames[Math.floor(index * frames.length / count)]!)
}

const isAnimation = (format: string | null) => format === 'gif' || format === 'webp' || format === 'png'

async function formatOf ({ path }: UploadedFile): Promise<string | null> {
  const handle = await open(path)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(KIND_BYTES), 0, KIND_BYTES, 0)
    return kindOf(buffer.subarray(0, bytesRead)).format
  } finally {
    await handle.close()
  }
}

/**
 * Expands each file. Of several errors, that of the first file is reported, with its place.
 * @param first index of the first file among all files of the request
 */
async function inOrder<T> (
  files: UploadedFile[], expand: (file: UploadedFile, index: number) => Promise<T>, first = 0
): Promise<T[]> {
  const outcomes = await Promise.allSettled(files.map(expand))
  return outcomes.map((outcome, index) => {
    if (outcome.status === 'fulfilled') return outcome.value
    const { reason } = outcome
    const isOfImage = reason instanceof SightlineError && !isOfRequest(reason)
    throw isOfImage ? withDetails(reason, { image: first + index, field: files[index]!.field }) : reason
  })
}

const isOfRequest = (error: SightlineError) =>
  error instanceof TooManyImagesError || error instanceof InvalidFieldError

/** Copies of an image count once. */
const countDifferent = (images: UploadedFile[]) => new Set(images.map(({ id }) => id)).size
