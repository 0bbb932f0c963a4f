/** A model that is known by a short name: where its two files lie and how it likes to be sampled. */
export interface Preset {
  /** `hf:owner/repo/file` of the language model, as node-llama-cpp's resolver reads it. */
  model: string
  /** The same for the projector. */
  mmproj: string
  temperature: number
  /** CPU threads, where all cores would be slower: a step of a tiny model is shorter than waking a second thread. */
  threads?: number
}

function huggingFace (repo: string, model: string): Preset {
  return { model: `hf:${repo}/${model}-Q4_K_M.gguf`, mmproj: `hf:${repo}/mmproj-${model}-Q8_0.gguf`, temperature: 0.7 }
}

const qwen3 = (size: string) => huggingFace(`Qwen/Qwen3-VL-${size}-Instruct-GGUF`, `Qwen3VL-${size}-Instruct`)
const qwen25 = (size: string) => huggingFace(`ggml-org/Qwen2.5-VL-${size}-Instruct-GGUF`, `Qwen2.5-VL-${size}-Instruct`)

export const PRESETS: Record<string, Preset> = {
  'qwen3-vl-2b': qwen3('2B'),
  'qwen3-vl-4b': qwen3('4B'),
  'qwen3-vl-8b': qwen3('8B'),
  'qwen2.5-vl-3b': qwen25('3B'),
  'qwen2.5-vl-7b': qwen25('7B')
}

/** The model inside the repository; what runs when `MODEL` is empty. Paths from the project's root. */
export const DEMO: Preset = {
  model: 'models/demo/tiny-qwen2-vl-q8_0.gguf',
  mmproj: 'models/demo/mmproj-tiny-qwen2-vl-f16.gguf',
  temperature: 0,
  threads: 1
}
