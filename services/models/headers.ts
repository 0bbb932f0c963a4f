import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { readGgufFileInfo, type GgufFileInfo } from 'node-llama-cpp'
import type { VisionInfo } from '../engine/engine.ts'
import { coordinatesOf, familiesOfModel, familiesOfProjector, FAMILIES } from './families.ts'
import { modelFault } from './model-fault.ts'
import { versionOf } from './model-names.ts'
import { modelShape, type ModelShape } from './model-shape.ts'
import { filesOfModel } from './parts.ts'

/** The header of a language model. */
export interface ModelHeader extends ModelShape {
  file: string
  /** `general.name`, or the name of the file. */
  name: string
  /** e.g. `qwen3vl` */
  architecture: string
  /** Width of the embedding of a token. */
  width: number
  /** Additional embeddings of that width per image token (Qwen3-VL), 0 for other models. */
  deepstack: number
  /** Length of the context in training, in tokens. */
  trainContext: number
  hasChatTemplate: boolean
  /** The vocabulary has the tokens that enclose an image in a prompt. */
  hasVisionTokens: boolean
  info: GgufFileInfo
}

/** The header of a projector. */
export interface ProjectorHeader {
  file: string
  /** `general.name`, or the name of the file. */
  name: string
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
  has_audio_encoder?: boolean
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

/** Tokens that enclose the embeddings of an image in every family. */
const VISION_TOKENS = ['<|vision_start|>', '<|vision_end|>']
/** Defaults of clip.cpp for the Qwen-VL family, in tokens of one image. */
const CLIP_MIN_TOKENS = 8
const CLIP_MAX_TOKENS = 4096
/** Above every projector; a larger number in a header is a fault. */
const MOST_WIDTH = 2 ** 16

/**
 * Reads the header of a language model. For a split model it reads those of all parts.
 * @throws Error with a sentence that names the file, also when the file is not a model that can answer
 */
export async function readModelHeader (file: string): Promise<ModelHeader> {
  const info = await readInfo(file)
  const architecture = String(info.metadata.general?.architecture)
  const shape = modelShape(architecture, info)
  const fault = modelFault(file, architecture, info, shape)
  if (fault) throw new Error(fault)
  const own = info.architectureMetadata as {
    embedding_length?: number
    context_length?: number
    n_deepstack_layers?: number
  } | undefined
  const { tokenizer } = info.metadata
  const vocabulary = tokenizer?.ggml?.tokens as readonly string[] | undefined
  return {
    file,
    name: nameOf(file, info),
    architecture,
    width: Number(own?.embedding_length ?? 0),
    deepstack: Number(own?.n_deepstack_layers ?? 0),
    trainContext: Number(own?.context_length ?? 0),
    ...shape,
    hasChatTemplate: typeof tokenizer?.chat_template === 'string',
    hasVisionTokens: VISION_TOKENS.every(token => vocabulary?.includes(token)),
    info
  }
}

/**
 * Reads the header of a projector.
 * @throws Error with a sentence that names the file, when it is not a projector of a supported family
 */
export async function readProjectorHeader (file: string): Promise<ProjectorHeader> {
  const info = await readInfo(file)
  const { architecture } = info.metadata.general ?? {}
  if (architecture !== 'clip') {
    throw new Error(`${path.basename(file)} is a language model (${architecture}), not a projector: use MODEL for it`)
  }
  const clip = (info.metadata as { clip?: ClipMetadata }).clip
  const type = clip?.projector_type ?? clip?.vision?.projector_type
  if (!clip?.vision && clip?.has_audio_encoder) {
    throw new Error(`${path.basename(file)} is a projector for audio, not for images`)
  }
  if (!clip?.vision || familiesOfProjector(type).length === 0) {
    throw new Error(
      `${path.basename(file)} is not a projector of a supported family: clip.projector_type is ${type ?? 'missing'}, ` +
      `not ${alternatives(FAMILIES.map(({ projector }) => projector))}`
    )
  }
  const { vision } = clip
  const merge = vision.spatial_merge_size ?? 2
  const sizes = { patch_size: vision.patch_size, spatial_merge_size: merge, embedding_length: vision.embedding_length }
  const wrong = Object.entries(sizes).filter(([, size]) => !(Number.isInteger(size) && size > 0 && size <= MOST_WIDTH))
  if (wrong.length > 0) {
    const keys = wrong.map(([key]) => `clip.vision.${key}`).join(', ')
    throw new Error(`${path.basename(file)} has a wrong header (${keys}): download the file again`)
  }
  const multiple = vision.patch_size * merge
  const tokens = (pixels: number | undefined) =>
    pixels === undefined ? undefined : Math.floor(pixels / (multiple * multiple))
  // llama.cpp uses the shape of the tensor; converters may write another `projection_dim`.
  const bias = info.tensorInfo?.find(({ name }) => name === 'mm.2.bias')
  return {
    file,
    name: nameOf(file, info),
    bytes: statSync(file).size,
    type: type!,
    coordinates: coordinatesOf(type!, info.metadata.general?.name),
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
  const missing = filesOfModel(file).find(part => !existsSync(part))
  if (missing !== undefined) {
    throw new Error(`${path.basename(file)} cannot be read: ${path.basename(missing)} is missing from its folder`)
  }
  try {
    return await readGgufFileInfo(file, { sourceType: 'filesystem', logWarnings: false })
  } catch (error) {
    throw new Error(`${path.basename(file)} is not a GGUF file: ${(error as Error).message}`)
  }
}

function nameOf (file: string, { metadata }: GgufFileInfo): string {
  return metadata.general?.name ?? path.basename(file)
}

/** Returns why a projector does not match a model, as a sentence that names both files, or null if it matches. */
export function mismatch (model: ModelHeader, projector: ProjectorHeader): string | null {
  const reason = mismatchReason(model, projector)
  const [own, other] = [projector, model].map(({ file }) => path.basename(file))
  return reason && `The projector ${own} does not belong to the model ${other}: ${reason}`
}

function mismatchReason (model: ModelHeader, projector: ProjectorHeader): string | null {
  const ofProjector = familiesOfProjector(projector.type)
  const families = ofProjector.filter(({ architectures }) => architectures.includes(model.architecture))
  if (families.length === 0) {
    const expected = alternatives(ofProjector.flatMap(({ architectures }) => architectures))
    return `a ${projector.type} needs the architecture ${expected}, the model has ${model.architecture}`
  }
  if (projector.deepstack !== model.deepstack) {
    const own = ofProjector.find(({ deepstack }) => deepstack === (projector.deepstack > 0))
    const layers = `${projector.deepstack} deepstack layers, the model needs ${model.deepstack}`
    return own === undefined || families.includes(own)
      ? `it has ${layers}`
      : `it is one of ${own.name} and has ${layers} as one of ${families[0]!.name}`
  }
  if (projector.embedding !== model.width) {
    return `its embeddings have width ${projector.embedding}, those of the model ${model.width}`
  }
  const [named] = familiesOfModel(model.architecture).filter(family => versionOf(family.name) === versionOf(model.name))
  if (named !== undefined && !families.includes(named)) {
    return `a ${projector.type} is one of ${families[0]!.name}, the model is one of ${named.name} (${model.name})`
  }
  if (!model.hasVisionTokens) return `the vocabulary of the model has no ${VISION_TOKENS.join(' and ')}`
  return null
}

function alternatives (names: string[]): string {
  const [last, ...others] = [...new Set(names)].reverse()
  return others.length === 0 ? last! : `${others.reverse().join(', ')} or ${last}`
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
