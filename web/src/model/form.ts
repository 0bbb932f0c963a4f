import { AskError, networkFailure } from '../api/failure.ts'
import { historyOf, imagesOf, type Format, type Question, type StoredImage, type Turn } from './conversation.ts'
import { writePageList } from './page-list.ts'
import type { Sampling } from './sampling.ts'
import { thinkingField, type Thinking, type ThinkingAbility } from './thinking.ts'

/** The settings that are sent with each question. */
export interface RequestSettings {
  system: string
  sampling: Sampling
  stop: string[]
  thinking: Thinking
}

export interface FormInput {
  question: Question
  /** The turns before the question. */
  before: readonly Turn[]
  /** Ids of earlier images that the service no longer has. */
  resend: ReadonlySet<string>
  settings: RequestSettings
  format: Format
  ability: ThinkingAbility
  bytesOf (key: string): Promise<Blob | null>
}

/** Error code: neither the service nor the browser has an image that must be sent. The value is part of stored data. */
export const IMAGE_LOST = 'PICTURE_LOST'

/**
 * Builds the body of a request to `api/chat_stream`.
 * @throws AskError with the code `IMAGE_LOST`
 */
export async function formOf (
  { question, before, resend, settings, format, ability, bytesOf }: FormInput
): Promise<FormData> {
  const form = new FormData()
  const { system, sampling, stop } = settings
  form.set('message', question.text)
  if (system.trim() !== '') form.set('system', system)
  for (const [name, value] of Object.entries(sampling)) if (value !== null) form.set(name, String(value))
  const thinking = thinkingField(settings.thinking, ability)
  if (thinking !== null) form.set('thinking', thinking)
  if (format.type === 'text') {
    if (stop.length > 0) form.set('stop', JSON.stringify(stop))
  } else {
    form.set('response_format', JSON.stringify(toResponseFormat(format)))
  }
  const history = historyOf(before)
  if (history.length > 0) form.set('history', JSON.stringify(history))

  const named = new Set(history.flatMap(({ images = [] }) => images))
  const again = new Map(imagesOf(before).flatMap(image =>
    image.id !== null && named.has(image.id) && resend.has(image.id) ? [[image.id, image] as const] : []))
  const files = filesOf(question.pictures)
  const pages = files.flatMap(({ pages }) => pages.length > 0 ? writePageList(pages) : [])
  if (pages.length > 0) form.set('pages', JSON.stringify(pages))
  // Files come last, so the service knows all other fields when the first file arrives.
  for (const { key, name } of wholeFilesOf([...again.values()])) form.append('history_images', await load(key), name)
  for (const { key, name } of files) form.append('images', await load(key), name)
  return form

  async function load (key: string): Promise<Blob> {
    const blob = await bytesOf(key)
    if (blob === null) throw new AskError({ ...networkFailure(), code: IMAGE_LOST })
    return blob
  }
}

interface SentFile {
  /** The key of its bytes. */
  key: string
  name: string
  /** The pages of a document; empty for an image. */
  pages: number[]
}

/** The files of images, in their order. Consecutive pages of a document are sent as one file. */
function filesOf (images: readonly StoredImage[]): SentFile[] {
  const files: SentFile[] = []
  for (const { key, name, page } of images) {
    const last = files.at(-1)
    if (page && last?.key === page.document) last.pages.push(page.number)
    else files.push(page ? { key: page.document, name: page.file, pages: [page.number] } : { key, name, pages: [] })
  }
  return files
}

/** The files of images, each once. */
function wholeFilesOf (images: readonly StoredImage[]): SentFile[] {
  return [...new Map(filesOf(images).map(file => [file.key, file])).values()]
}

function toResponseFormat (format: Exclude<Format, { type: 'text' }>): object {
  if (format.type === 'object') return { type: 'json_object' }
  return { type: 'json_schema', json_schema: { name: 'answer', schema: JSON.parse(format.schema) } }
}
