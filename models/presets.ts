/** A model with a short name for `MODEL`: the location of its two files and its sampling defaults. */
export interface Preset {
  /** `hf:owner/repo/file` of the language model, in the syntax of node-llama-cpp's resolver. */
  model: string
  /** `hf:owner/repo/file` of the projector. */
  mmproj: string
  temperature: number
  /** CPU threads, if all cores would be slower. A step of a tiny model takes less time than waking a second thread. */
  threads?: number
  figures?: PresetFigures
}

/**
 * Sizes in bytes, to plan memory before a download. `test/services/models/presets.test.ts` computes them from the
 * shapes in the models' `config.json`, with llama.cpp's quantisation recipe for Q4_K_M and its estimate of a context.
 */
export interface PresetFigures {
  /** Size of the file of the language model. */
  model: number
  /** Size of the file of the projector. */
  projector: number
  /** The part of the model that is on the GPU. */
  weights: number
  /** Memory of a context in addition to its KV cells. */
  compute: number
  /** Size of one KV cell, with keys and values in 16 bits. */
  cell: number
  /** Shape of the projector's vision tower. A token covers `multiple × multiple` pixels. */
  tower: { width: number, windowed: boolean, patchesOfToken: number, multiple: number }
}

function huggingFace (repo: string, model: string, figures: PresetFigures): Preset {
  return {
    model: `hf:${repo}/${model}-Q4_K_M.gguf`, mmproj: `hf:${repo}/mmproj-${model}-Q8_0.gguf`, temperature: 0.7, figures
  }
}

type Sizes = Omit<PresetFigures, 'tower'>
const qwen3 = (size: string, width: number, sizes: Sizes) =>
  huggingFace(
    `Qwen/Qwen3-VL-${size}-Instruct-GGUF`, `Qwen3VL-${size}-Instruct`,
    { ...sizes, tower: { width, windowed: false, patchesOfToken: 4, multiple: 32 } }
  )
const qwen25 = (size: string, sizes: Sizes) =>
  huggingFace(
    `ggml-org/Qwen2.5-VL-${size}-Instruct-GGUF`, `Qwen2.5-VL-${size}-Instruct`,
    { ...sizes, tower: { width: 1280, windowed: true, patchesOfToken: 4, multiple: 28 } }
  )

export const PRESETS: Record<string, Preset> = {
  'qwen3-vl-2b': qwen3(
    '2B', 1024, { model: 1.11e9, projector: 0.442e9, weights: 1.1e9, compute: 0.336e9, cell: 114_688 }
  ),
  'qwen3-vl-4b': qwen3(
    '4B', 1024, { model: 2.5e9, projector: 0.451e9, weights: 2.49e9, compute: 0.337e9, cell: 147_456 }
  ),
  'qwen3-vl-8b': qwen3(
    '8B', 1152, { model: 5.03e9, projector: 0.749e9, weights: 4.67e9, compute: 0.361e9, cell: 147_456 }
  ),
  'qwen2.5-vl-3b': qwen25('3B', { model: 1.93e9, projector: 0.845e9, weights: 1.92e9, compute: 0.32e9, cell: 36_864 }),
  'qwen2.5-vl-7b': qwen25('7B', { model: 4.68e9, projector: 0.853e9, weights: 4.37e9, compute: 0.326e9, cell: 57_344 })
}

/** The embedded model, which runs when `MODEL` is empty. Paths are relative to the project root. */
export const DEMO: Preset = {
  model: 'models/demo/tiny-qwen2-vl-q8_0.gguf',
  mmproj: 'models/demo/mmproj-tiny-qwen2-vl-f16.gguf',
  temperature: 0,
  threads: 1
}
