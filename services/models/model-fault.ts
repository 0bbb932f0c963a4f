import path from 'node:path'
import type { GgufFileInfo } from 'node-llama-cpp'
import { familiesOfModel } from './families.ts'
import type { ModelShape } from './model-shape.ts'
import { partFault } from './parts.ts'

/** Architectures that encode text for a search. Others are found by the key `pooling_type`. */
const ENCODERS = /(?:bert|^t5encoder|-embedding)$|^(?:bert|nomic-bert|jina-bert)/
/** Architectures of models that only propose tokens to another model. */
const DRAFTS = /^(?:dflash|eagle3)$|-assistant$/
/**
 * Qwen3.8-Flash-Next. llama.cpp keeps an index of each sequence for its sparse attention, and a second history in its
 * recurrent memory. A partial checkpoint contains the latter, but nothing of this was tried here.
 */
const UNTRIED = 'qwen4exp'
/** `LLAMA_POOLING_TYPE_RANK` */
const POOLING_RANK = 4

/** Returns why a file cannot be used as the language model, as a sentence that names it, or null if it can be used. */
export function modelFault (file: string, architecture: string, info: GgufFileInfo, shape: ModelShape): string | null {
  const name = path.basename(file)
  const { general, split } = info.metadata as { general?: { type?: string }, split?: { no?: number, count?: number } }
  const part = partFault(file, split)
  if (part) return part
  const type = general?.type ?? 'model'
  if (architecture === 'clip' || type === 'mmproj') {
    return `${name} is a projector, not a language model: use MMPROJ for it, and MODEL for its model`
  }
  if (type !== 'model') return `${name} is not a language model (its general.type is ${type}): use a model for MODEL`
  const { pooling_type: pooling = 0 } = (info.architectureMetadata ?? {}) as { pooling_type?: number }
  if (pooling > 0 || ENCODERS.test(architecture)) {
    const kind = pooling === POOLING_RANK ? 'a reranking' : 'an embedding'
    return `${name} is ${kind} model, which cannot answer: use a model for conversations`
  }
  if (DRAFTS.test(architecture) || isDraftLayers(info, shape)) {
    return `${name} contains only the layers for speculative decoding (MTP or a draft), which cannot answer alone: ` +
      'use the file of the whole model'
  }
  if (architecture === UNTRIED) {
    return `${name} has the architecture ${architecture}, which is not supported: for its sparse attention ` +
      'neither the memory plan nor the reuse of prefixes was tested. Use a model of Qwen3.5, 3.6 or 3.8'
  }
  const missing = missingKeys(architecture, shape)
  if (missing.length > 0) {
    return `${name} has the architecture ${architecture} but lacks ${missing.join(', ')}: ` +
      'use a file from a current converter of llama.cpp'
  }
  const wrong = familiesOfModel(architecture).length === 0 ? [] : wrongSizes(info)
  if (wrong.length > 0) {
    return `${name} has a wrong header (${wrong.map(key => `${architecture}.${key}`).join(', ')}): ` +
      'download the file again, or use one from a current converter of llama.cpp'
  }
  return null
}

/**
 * The sizes of a model that llama.cpp asserts, with the largest allowed value. A wrong one would end the process. The
 * optional ones have defaults in llama.cpp.
 */
const SIZES = {
  required: { block_count: 512, context_length: 2 ** 31, embedding_length: 2 ** 20, 'attention.head_count': 4096 },
  optional: {
    feed_forward_length: 2 ** 24,
    'attention.head_count_kv': 4096,
    'attention.key_length': 4096,
    'attention.value_length': 4096,
    full_attention_interval: 512,
    'ssm.conv_kernel': 64,
    'ssm.state_size': 4096,
    'ssm.group_count': 4096,
    'ssm.time_step_rank': 4096,
    'ssm.inner_size': 2 ** 20
  }
}

/** Returns the keys whose value is no natural number, or too large. */
function wrongSizes ({ architectureMetadata }: GgufFileInfo): string[] {
  const valueOf = (key: string) => key.split('.').reduce<unknown>(
    (part, name) => (part as Record<string, unknown> | undefined)?.[name], architectureMetadata
  )
  const isSize = (value: unknown, most: number) => Number.isInteger(value) && Number(value) > 0 && Number(value) <= most
  const wrong = Object.entries(SIZES.required).filter(([key, most]) => !isSize(valueOf(key), most))
  // Some models have a list with one value for each layer. Models with experts have no other feed-forward layers.
  const hasExperts = valueOf('expert_count') !== undefined
  const wrongOptional = Object.entries(SIZES.optional).filter(([key, most]) => {
    const value = valueOf(key)
    if (key === 'feed_forward_length' && hasExperts) return false
    return value !== undefined && !Array.isArray(value) && !isSize(value, most)
  })
  const [inner, rank, state] = ['ssm.inner_size', 'ssm.time_step_rank', 'ssm.state_size'].map(valueOf)
  const isSplit = inner === undefined || Number(inner) === Number(rank) * Number(state)
  return [...wrong, ...wrongOptional].map(([key]) => key).concat(isSplit ? [] : ['ssm.inner_size'])
}

function isDraftLayers ({ fullTensorInfo: tensors = [] }: GgufFileInfo, { mtpLayers }: ModelShape): boolean {
  return mtpLayers > 0 && !tensors.some(({ name }) => name.startsWith('blk.0.'))
}

/** Returns the keys without which llama.cpp does not load a model of a supported family. */
function missingKeys (architecture: string, { recurrent, ropeSections }: ModelShape): string[] {
  if (familiesOfModel(architecture).length === 0) return []
  const sizes: Array<[string, number | undefined]> = [
    ['rope.dimension_sections', ropeSections?.length ?? 0],
    ['ssm.conv_kernel', recurrent?.convKernel],
    ['ssm.state_size', recurrent?.stateSize],
    ['ssm.group_count', recurrent?.keyHeads],
    ['ssm.time_step_rank', recurrent?.valueHeads],
    ['ssm.inner_size', recurrent?.innerSize]
  ]
  return sizes.filter(([, size]) => size === 0).map(([key]) => `${architecture}.${key}`)
}
