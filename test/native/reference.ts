import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import sharp from 'sharp'
import { referenceProgram } from '../../native/vision.ts'
import { DEMO } from '../../models/presets.ts'
import { ROOT } from '../../config/root.ts'
import { fit } from '../../services/images/plan.ts'
import { usesFlashAttention } from '../../services/models/requirements.ts'

/** A model with a projector, and the limits of its images in tokens. */
export interface VisionModel {
  /** Files. */
  model: string
  mmproj: string
  /** Sides of images are multiples of this many pixels. */
  multiple: number
  minTokens: number
  maxTokens: number
}

/** The embedded model. */
export const DEMO_VISION: VisionModel = {
  model: path.join(ROOT, DEMO.model), mmproj: path.join(ROOT, DEMO.mmproj), multiple: 28, minTokens: 16, maxTokens: 36
}

/** An image in the prepared size of a model, as PNG and as raw RGB. */
export interface ReferenceImage {
  id: string
  png: string
  raw: string
  width: number
  height: number
  tokens: number
}

export interface ReferenceCase {
  messages: Array<{ role: 'system' | 'user' | 'assistant', content: string }>
  images: ReferenceImage[]
  maxTokens: number
}

export interface ReferenceAnswer { prompt: number[], tokens: number[], text: string }

/** Prepares an example image for the service and for the reference program. */
export async function prepareExample (
  dir: string, index: number, file: string, { multiple, minTokens, maxTokens }: VisionModel = DEMO_VISION
): Promise<ReferenceImage> {
  const source = path.join(ROOT, 'models/demo/examples', file)
  const meta = await sharp(source).metadata()
  const limits = { multiple, minTokens, maxTokens, maxSide: 1024, maxPixels: 1003520 }
  const { width, height } = fit(meta.width, meta.height, limits)
  const image = sharp(source).removeAlpha().toColourspace('srgb').resize(width, height, { fit: 'fill' })
  const png = path.join(dir, `${index}.png`)
  const raw = path.join(dir, `${index}.rgb`)
  await image.clone().png().toFile(png)
  writeFileSync(raw, await image.clone().raw().toBuffer())
  const tokens = width * height / multiple ** 2
  return { id: `sha256:${String(index).padStart(64, '0')}`, png, raw, width, height, tokens }
}

export interface ReferenceOptions {
  threads: number
  /** As in the engine by default: there the last bits of a result depend on it. */
  flashAttention?: boolean
}

/** Answers cases with the reference program (`native/reference/main.cc`). `<__media__>` marks the place of an image. */
export async function askReference (
  { model, mmproj, minTokens, maxTokens }: VisionModel, cases: ReferenceCase[],
  { threads, flashAttention = usesFlashAttention(false, 'auto') }: ReferenceOptions
): Promise<ReferenceAnswer[]> {
  const { program, libraries } = await referenceProgram()
  const input = cases.map(({ messages, images, maxTokens }) =>
    JSON.stringify({
      messages, images: images.map(({ raw, width, height }) => ({ path: raw, width, height })), maxTokens
    }))
  const output = execFileSync(program, [
    model, mmproj, libraries, String(minTokens), String(maxTokens), String(threads), flashAttention ? '1' : '0'
  ], { input: input.join('\n'), maxBuffer: 1 << 28 })
  return output.toString().trimEnd().split('\n').map(line => JSON.parse(line))
}
