import { statSync } from 'node:fs'
import path from 'node:path'
import { readGgufFileInfo, type GgufFileInfo } from 'node-llama-cpp'
import type { VisionInfo } from '../engine/engine.ts'
import { modelShape, type ModelShape } from './model-shape.ts'

/** The header of a language model. */
export interface ModelHeader extends ModelShape {
  file: string
  /** e.g. `qwen3vl` */
  architecture: string
  /** Width of the embedding of a token. */
  width: number
  /** Additional embeddings of that width per image token (Qwen3-VL), 0 for other models. */
  deepstack: number
  /** Length of the context in training, in tokens. */
  trainContext: number
  hasChatTemplate: boolean
  info: GgufFileInfo
}

/** The header of a projector. */
export interface ProjectorHeader {
  file: string
  /** Size of the file. */
  bytes: number
  /** e.g. `qwen3vl_merger` */
  type: string
  coordinates: VisionInfo['coordinates']
  /** Sides of images are multiples of this many pixels. A token covers a square of this side. */
  multiple: number
  /** Patches that are merged to one token. */
  patchesOfToken: number
  /** Width of the vision tower. */
  width: number
  /** Some layers attend within windows, by a mask over all pairs of patches. */
  windowed: boolean
  /** Width of the embedding of an image token. */
  embedding: number
  deepstack: number
  /** Limits in the file, in tokens of one image. */
  minTokens: number | undefined
  maxTokens: number | undefined
}

export interface TokenLimits { imageMinTokens: number | null, imageMaxTokens: number | null }

interface ClipMetadata {
  projector_type?: string
  vision?: {
    projector_type?: string
    patch_size: number
    spatial_merge_size?: number
    embedding_length: number
    projection_dim: number
    n_wa_pattern?: number
    is_deepstack_layers?: boolean[]
    image_min_pixels?: number
    image_max_pixels?: number
  }
}

/** The supported projectors, the architectures that they match, and the unit of coordinates in answers. */
const PROJECTORS = new Map<string | undefined, { architectures: string[], coordinates: VisionInfo['coordinates'] }>([
  ['qwen2vl_merger', { architectures: ['qwen2vl'], coordinates: 'pixels' }],
  ['qwen2.5vl_merger', { architectures: ['qwen2vl'], coordinates: 'pixels' }],
  ['qwen3vl_merger', { architectures: ['qwen3vl', 'qwen3vlmoe', 'qwen35', 'qwen35moe'], coordinates: 'grid1000' }]
])
/** Defaults of clip.cpp for the Qwen-VL family, in tokens of one image. */
const CLIP_MIN_TOKENS = 8
const CLIP_MAX_TOKENS = 4096

/**
 * Reads the header of a language model. For a split model it reads those of all parts.
 * @throws Error with a sentence that names the file
 */
export async function readModelHeader (file: string): Promise<ModelHeader> {
  const info = await readInfo(file)
  const architecture = String(info.metadata.general?.architecture)
  if (architecture === 'clip') {
    throw new Error(`${path.basename(file)} is a projector, not a language model: use MMPROJ for it`)
  }
  const own = info.architectureMetadata as {
    embedding_length?: number
    context_length?: number
    n_deepstack_layers?: number
  } | undefined
  return {
    file,
    architecture,
    width: Number(own?.embedding_length ?? 0),
    deepstack: Number(own?.n_deepstack_layers ?? 0),
    trainContext: Number(own?.context_length ?? 0),
    ...modelShape(architecture, info),
    hasChatTemplate: typeof info.metadata.tokenizer?.chat_template === 'string',
    info
  }
}

/**
 * Reads the header of a projector.
 * @throws Error when it is not a projector of the Qwen-VL family
 */
export async function readProjectorHeader (file: string): Promise<ProjectorHeader> {
  const info = await readInfo(file)
  const clip = (info.metadata as { clip?: ClipMetadata }).clip
  const type = clip?.projector_type ?? clip?.vision?.projector_type
  const known = PROJECTORS.get(type)
  if (!clip?.vision || !known) {
    throw new Error(
      `${path.basename(file)} is not a projector of the Qwen-VL family (${type ?? 'no clip.projector_type'})`
    )
  }
  const { vision } = clip
  const merge = vision.spatial_merge_size ?? 2
  const multiple = vision.patch_size * merge
  const tokens = (pixels: number | undefined) =>
    pixels === undefined ? undefined : Math.floor(pixels / (multiple * multiple))
  // llama.cpp uses the shape of the tensor; converters may write another `projection_dim`.
  const bias = info.tensorInfo?.find(({ name }) => name === 'mm.2.bias')
  return {
    file,
    bytes: statSync(file).size,
    type: type!,
    coordinates: known.coordinates,
    multiple,
    patchesOfToken: merge ** 2,
    width: vision.embedding_length,
    windowed: (vision.n_wa_pattern ?? 0) > 0,
    embedding: Number(bias?.dimensions[0] ?? vision.projection_dim),
    deepstack: info.tensorInfo?.filter(({ name }) => /^v\.deepstack\.\d+\.fc1\.weight$/.test(name)).length ?? 0,
    minTokens: tokens(vision.image_min_pixels),
    maxTokens: tokens(vision.image_max_pixels)
  }
}

async function readInfo (file: string): Promise<GgufFileInfo> {
  try {
    return await readGgufFileInfo(file, { sourceType: 'filesystem', logWarnings: false })
  } catch (error) {
    throw new Error(`${path.basename(file)} is not a GGUF file: ${(error as Error).message}`)
  }
}

/** Returns why a projector does not match a model, as a sentence that names both files, or null if it matches. */
export function mismatch (model: ModelHeader, projector: ProjectorHeader): string | null {
  const { architectures } = PROJECTORS.get(projector.type)!
  const refusal =
    `The projector ${path.basename(projector.file)} does not belong to the model ${path.basename(model.file)}`
  if (!architectures.includes(model.architecture)) {
    const expected = architectures.join(' or ')
    return `${refusal}: a ${projector.type} needs the architecture ${expected}, the model has ${model.architecture}`
  }
  if (projector.embedding !== model.width) {
    return `${refusal}: its embeddings have width ${projector.embedding}, those of the model ${model.width}`
  }
  if (projector.deepstack !== model.deepstack) {
    return `${refusal}: it has ${projector.deepstack} deepstack layers, the model needs ${model.deepstack}`
  }
  return null
}

/**
 * Returns the requirements of a projector for images. The settings override the limits in the file, which are those of
 * the training. clip.cpp itself ignores the limits in the file for Qwen-VL.
 * @throws Error when the minimum exceeds the maximum
 */
export function visionInfo (
  { multiple, coordinates, ...own }: Pick<ProjectorHeader, 'multiple' | 'coordinates' | 'minTokens' | 'maxTokens'>,
  { imageMinTokens, imageMaxTokens }: TokenLimits
): VisionInfo {
  const minTokens = imageMinTokens ?? own.minTokens ?? CLIP_MIN_TOKENS
  const maxTokens = imageMaxTokens ?? own.maxTokens ?? CLIP_MAX_TOKENS
  if (minTokens > maxTokens) {
    throw new Error(
      `Images would have at least ${minTokens} and at most ${maxTokens} tokens: ` +
      'correct IMAGE_MIN_TOKENS and IMAGE_MAX_TOKENS'
    )
  }
  return { multiple, minTokens, maxTokens, coordinates }
}

/** Returns the tokens of the largest image that the service prepares. */
export function mostTokens ({ multiple, minTokens, maxTokens }: VisionInfo, maxPixels: number): number {
  return Math.max(minTokens, Math.min(maxTokens, Math.floor(maxPixels / multiple ** 2)))
}
