import { statSync } from 'node:fs'
import path from 'node:path'
import { readGgufFileInfo, type GgufFileInfo } from 'node-llama-cpp'
import type { VisionInfo } from '../engine/engine.ts'

/** What the header of a language model's file tells. */
export interface ModelHeader {
  file: string
  /** e.g. `qwen3vl` */
  architecture: string
  /** Of a token's embedding. */
  width: number
  /** How many more embeddings of that width an image's token brings (Qwen3-VL); 0 with the others. */
  deepstack: number
  /** Tokens for which it was trained. */
  trainContext: number
  hasChatTemplate: boolean
  info: GgufFileInfo
}

/** What the header of a projector's file tells. */
export interface ProjectorHeader {
  file: string
  /** Of the file. */
  bytes: number
  /** e.g. `qwen3vl_merger` */
  type: string
  coordinates: VisionInfo['coordinates']
  /** Sides of images are multiples of so many pixels, which is what a token covers. */
  multiple: number
  /** Patches that become one token. */
  patchesOfToken: number
  /** Of the vision tower. */
  width: number
  /** Some layers look within windows only, by a mask over all pairs of patches. */
  windowed: boolean
  /** Of what it gives to the model for a token. */
  embedding: number
  deepstack: number
  /** What the file itself states, in tokens of one image; undefined: nothing. */
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

/** The projectors whose images Sightline prepares as Qwen does, the models for which they see, and what the numbers mean with which those point. */
const PROJECTORS = new Map<string | undefined, { architectures: string[], coordinates: VisionInfo['coordinates'] }>([
  ['qwen2vl_merger', { architectures: ['qwen2vl'], coordinates: 'pixels' }],
  ['qwen2.5vl_merger', { architectures: ['qwen2vl'], coordinates: 'pixels' }],
  ['qwen3vl_merger', { architectures: ['qwen3vl', 'qwen3vlmoe'], coordinates: 'grid1000' }]
])
/** What clip.cpp allows the Qwen-VL family when nobody says otherwise, in tokens of one image. */
const CLIP_MIN_TOKENS = 8
const CLIP_MAX_TOKENS = 4096

/**
 * Reads the header of a language model; of all its parts when it is split.
 * @throws Error with a sentence that names the file
 */
export async function readModelHeader (file: string): Promise<ModelHeader> {
  const info = await readInfo(file)
  const architecture = String(info.metadata.general?.architecture)
  if (architecture === 'clip') {
    throw new Error(`${path.basename(file)} is a projector, not a language model: name it with MMPROJ`)
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
    hasChatTemplate: typeof info.metadata.tokenizer?.chat_template === 'string',
    info
  }
}

/**
 * Reads the header of a projector.
 * @throws Error when it is not one of the Qwen-VL family
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
  // The tensor is what llama.cpp goes by; `projection_dim` is what a converter wrote.
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

/** Why a projector cannot see for a model, in a sentence that names both files; null when it can. */
export function mismatch (model: ModelHeader, projector: ProjectorHeader): string | null {
  const { architectures } = PROJECTORS.get(projector.type)!
  const refusal =
    `The projector ${path.basename(projector.file)} does not belong to the model ${path.basename(model.file)}`
  if (!architectures.includes(model.architecture)) {
    return `${refusal}: as a ${projector.type} it sees for ${architectures.join(
      ' and '
    )}, the model is a ${model.architecture}`
  }
  if (projector.embedding !== model.width) {
    return `${refusal}: its embeddings are ${projector.embedding} wide, the model's ${model.width}`
  }
  if (projector.deepstack !== model.deepstack) {
    return `${refusal}: it gives ${projector.deepstack} layers of detail (deepstack), the model wants ${model.deepstack}`
  }
  return null
}

/**
 * What a projector wants of an image. clip.cpp reads no limits from the file for Qwen-VL; those that the file states are what the
 * model was trained with, so they hold here, and the operator's settings override them.
 * @throws Error when the limits contradict each other
 */
export function visionInfo (
  { multiple, coordinates, ...own }: Pick<ProjectorHeader, 'multiple' | 'coordinates' | 'minTokens' | 'maxTokens'>,
  { imageMinTokens, imageMaxTokens }: TokenLimits
): VisionInfo {
  const minTokens = imageMinTokens ?? own.minTokens ?? CLIP_MIN_TOKENS
  const maxTokens = imageMaxTokens ?? own.maxTokens ?? CLIP_MAX_TOKENS
  if (minTokens > maxTokens) {
    throw new Error(
    `A picture would need at least ${minTokens} and at most ${maxTokens} tokens: check IMAGE_MIN_TOKENS and IMAGE_MAX_TOKENS`
    )
  }
  return { multiple, minTokens, maxTokens, coordinates }
}

/** Tokens of the largest image that can come. */
export function mostTokens ({ multiple, minTokens, maxTokens }: VisionInfo, maxPixels: number): number {
  return Math.max(minTokens, Math.min(maxTokens, Math.floor(maxPixels / multiple ** 2)))
}
