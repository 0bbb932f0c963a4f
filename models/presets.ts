/** A model that is known by a short name: where its two files lie and how it likes to be sampled. */
export interface Preset {
  /** `hf:owner/repo/file` of the language model, as node-llama-cpp's resolver reads it. */
  model: string
  /** The same for the projector. */
  mmproj: string
  temperature: number
  /** CPU threads, where all cores would be slower: a step of a tiny model is shorter than waking a second thread. */
  threads?: number
  figures?: PresetFigures
}

/**
 * Sizes in bytes, for those who choose before they download. Worked out from the shapes in the models' own `config.json`, by llama.cpp's recipe for
 * Q4_K_M and its own estimate of a context (`test/services/models/presets.test.ts`).
 */
export interface PresetFigures {
  /** Of the files. */
  model: number
  projector: number
  /** Of the model, what lies on the GPU. */
  weights: number
  /** What a context takes beside its cells. */
  compute: number
  /** One KV cell, keys and values in 16 bits. */
  cell: number
  /** The projector's vision tower, and the pixels of a token's side. */
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

/** The model inside the repository; what runs when `MODEL` is empty. Paths from the project's root. */
export const DEMO: Preset = {
  model: 'models/demo/tiny-qwen2-vl-q8_0.gguf',
  mmproj: 'models/demo/mmproj-tiny-qwen2-vl-f16.gguf',
  temperature: 0,
  threads: 1
}
