import type { GgufFileInfo } from 'node-llama-cpp'
import { familiesOfModel } from './families.ts'

/** The recurrent layers of a hybrid model, from the keys `<architecture>.ssm.*`. The sizes are numbers of values. */
export interface RecurrentShape {
  /** Recurrent layers. They keep a state of fixed size for each sequence. */
  layers: number
  /** Layers with attention. They keep one cell for each token. */
  attentionLayers: number
  /** `ssm.conv_kernel`. The state keeps one row less. */
  convKernel: number
  /** `ssm.state_size`: length of a key and of a value. */
  stateSize: number
  /** `ssm.group_count`: heads of the keys. */
  keyHeads: number
  /** `ssm.time_step_rank`: heads of the values. */
  valueHeads: number
  /** `ssm.inner_size`: `valueHeads` × `stateSize`. */
  innerSize: number
}

export interface ModelShape {
  /** Layers that compute answers: `block_count` without the MTP layers. */
  layers: number
  /** `nextn_predict_layers`: layers for speculative decoding, which this service does not load. */
  mtpLayers: number
  /** Null if all layers use attention, and for architectures outside of the supported families. */
  recurrent: RecurrentShape | null
  /** `expert_count` and `expert_used_count`. Null for a dense model. */
  experts: { count: number, used: number } | null
  /** `rope.dimension_sections`: pairs of dimensions for time, height and width (M-RoPE). Null if the key is missing. */
  ropeSections: readonly number[] | null
}

interface ShapeMetadata {
  block_count?: number
  nextn_predict_layers?: number
  expert_count?: number
  expert_used_count?: number
  full_attention_interval?: number
  attention?: { recurrent_layers?: boolean | boolean[] }
  rope?: { dimension_sections?: number[] }
  ssm?: {
    conv_kernel?: number
    state_size?: number
    group_count?: number
    time_step_rank?: number
    inner_size?: number
  }
}

/** Default of llama.cpp for the hybrid architectures: every fourth layer uses attention. */
const FULL_ATTENTION_INTERVAL = 4

/** Reads the numbers of layers and the sizes of recurrent layers from the header of a language model. */
export function modelShape (architecture: string, info: GgufFileInfo): ModelShape {
  const own = (info.architectureMetadata ?? {}) as ShapeMetadata
  const mtpLayers = Number(own.nextn_predict_layers ?? 0)
  const layers = Math.max(0, Number(own.block_count ?? 0) - mtpLayers)
  const isHybrid = familiesOfModel(architecture).some(({ memory }) => memory === 'hybrid')
  return {
    layers,
    mtpLayers,
    recurrent: isHybrid ? recurrentShape(own, layers) : null,
    experts: own.expert_count
      ? { count: Number(own.expert_count), used: Number(own.expert_used_count ?? 0) }
      : null,
    ropeSections: own.rope?.dimension_sections?.map(Number) ?? null
  }
}

function recurrentShape (own: ShapeMetadata, layers: number): RecurrentShape {
  const recurrent = recurrentLayers(own, layers)
  const { ssm = {} } = own
  return {
    layers: recurrent,
    attentionLayers: layers - recurrent,
    convKernel: Number(ssm.conv_kernel ?? 0),
    stateSize: Number(ssm.state_size ?? 0),
    keyHeads: Number(ssm.group_count ?? 0),
    valueHeads: Number(ssm.time_step_rank ?? 0),
    innerSize: Number(ssm.inner_size ?? 0)
  }
}

/** Counts as llama.cpp does: a list of flags, one flag for all layers, or every n-th layer with attention. */
function recurrentLayers ({ attention, full_attention_interval: interval }: ShapeMetadata, layers: number): number {
  const flags = attention?.recurrent_layers
  if (Array.isArray(flags)) return flags.slice(0, layers).filter(Boolean).length
  if (flags !== undefined) return flags ? layers : 0
  return layers - Math.floor(layers / Number(interval ?? FULL_ATTENTION_INTERVAL))
}
