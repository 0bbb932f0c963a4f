import type { VisionInfo } from '../engine/engine.ts'

/** A family of Qwen vision models: the files that belong together, and the properties that no header contains. */
export interface Family {
  /** e.g. `Qwen3-VL`, for messages. */
  name: string
  /** `general.architecture` of the language model. */
  architectures: readonly string[]
  /** `clip.projector_type` of the projector. */
  projector: string
  /** The unit of coordinates in answers, from the training. */
  coordinates: VisionInfo['coordinates']
  /** Whether the projector also feeds the first layers of the language model (`deepstack`). */
  deepstack: boolean
  /** `hybrid`: most layers are recurrent, so the memory of a sequence cannot be cut without a checkpoint. */
  memory: 'attention' | 'hybrid'
}

/** The supported families. Sizes such as the multiple of the sides and the M-RoPE sections are in the headers. */
export const FAMILIES: readonly Family[] = [
  {
    name: 'Qwen2-VL',
    architectures: ['qwen2vl'],
    projector: 'qwen2vl_merger',
    coordinates: 'grid1000',
    deepstack: false,
    memory: 'attention'
  },
  {
    name: 'Qwen2.5-VL',
    architectures: ['qwen2vl'],
    projector: 'qwen2.5vl_merger',
    coordinates: 'pixels',
    deepstack: false,
    memory: 'attention'
  },
  {
    name: 'Qwen3-VL',
    architectures: ['qwen3vl', 'qwen3vlmoe'],
    projector: 'qwen3vl_merger',
    coordinates: 'grid1000',
    deepstack: true,
    memory: 'attention'
  },
  {
    name: 'Qwen3.5',
    architectures: ['qwen35', 'qwen35moe'],
    projector: 'qwen3vl_merger',
    coordinates: 'grid1000',
    deepstack: false,
    memory: 'hybrid'
  }
]

/** `general.name` of the embedded model. It has the architecture of Qwen2-VL but was trained on pixels. */
const EMBEDDED_NAME = 'tiny-qwen2-vl'

/** Returns the families of an architecture. Qwen2-VL and Qwen2.5-VL share one. */
export function familiesOfModel (architecture: string): readonly Family[] {
  return FAMILIES.filter(({ architectures }) => architectures.includes(architecture))
}

/** Returns the families of a type of projector. Qwen3-VL and Qwen3.5 share one. */
export function familiesOfProjector (type: string | undefined): readonly Family[] {
  return FAMILIES.filter(({ projector }) => projector === type)
}

/** Returns the unit of coordinates for a type of projector, given the `general.name` in its file. */
export function coordinatesOf (type: string, name: string | undefined): VisionInfo['coordinates'] {
  return name === EMBEDDED_NAME ? 'pixels' : familiesOfProjector(type)[0]!.coordinates
}
