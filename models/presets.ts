import type { Sampling } from '../services/engine/engine.ts'

/**
 * A model with a short name for `MODEL`: the location of its two files. None of the presets was downloaded or run by
 * the authors: names, sizes and checksums of files are those that other projects report.
 */
export interface Preset {
  /** `hf:owner/repo/file` of the language model, in the syntax of node-llama-cpp's resolver. */
  model: string
  /** `hf:owner/repo/file` of the projector. */
  mmproj: string
  /** Overrides the advice for the family (`services/models/sampling.ts`). */
  sampling?: Sampling
  /** CPU threads, if all cores would be slower. A step of a tiny model takes less time than waking a second thread. */
  threads?: number
  /** SHA-256 of the files, if it is known. */
  sha256?: { model?: string, mmproj?: string }
  figures?: PresetFigures
}

/**
 * Sizes in bytes, to plan memory before a download. `test/services/models/presets.test.ts` computes them from the
 * shapes in the models' `config.json`, with the types of the tensors in the published file and llama.cpp's estimate of
 * a context.
 */
export interface PresetFigures {
  /** Size of the file of the language model. */
  model: number
  /** Size of the file of the projector. */
  projector: number
  /** The part of the model that is on the GPU. */
  weights: number
  /** Memory of a context in addition to its KV cells, with flash attention. */
  compute: number
  /** Size of one KV cell, with keys and values in 16 bits. Only layers with attention have cells. */
  cell: number
  /** Heads of the queries. Without flash attention they determine the memory of the attention scores. */
  heads: number
  /** Parameters that one token needs, without embeddings. They determine the speed. */
  active: number
  /** The recurrent layers of a hybrid model, named as in `RecurrentShape`. */
  recurrent: { layers: number, valueHeads: number, keyHeads: number, stateSize: number, convKernel: number } | null
  /** Shape of the projector's vision tower. A token covers `multiple × multiple` pixels. */
  tower: { width: number, windowed: boolean, patchesOfToken: number, multiple: number }
}

type Sizes = Omit<PresetFigures, 'tower' | 'recurrent'>
type Sums = NonNullable<Preset['sha256']>

const tower = (width: number, multiple: number) => ({ width, windowed: multiple === 28, patchesOfToken: 4, multiple })

const qwen35 = (
  files: Pick<Preset, 'model' | 'mmproj'>, sha256: Sums, recurrent: { layers: number, valueHeads: number },
  towerWidth: number, sizes: Sizes
): Preset => ({
  ...files,
  sha256,
  figures: {
    ...sizes, recurrent: { ...recurrent, keyHeads: 16, stateSize: 128, convKernel: 4 }, tower: tower(towerWidth, 32)
  }
})
const unsloth = (name: string) => ({
  model: `hf:unsloth/${name}-GGUF/${name}-Q4_K_M.gguf`, mmproj: `hf:unsloth/${name}-GGUF/mmproj-F16.gguf`
})
const huggingFace = (repo: string, name: string) =>
  ({ model: `hf:${repo}/${name}-Q4_K_M.gguf`, mmproj: `hf:${repo}/mmproj-${name}-Q8_0.gguf` })
const ggmlOrg = (name: string) => huggingFace(`ggml-org/${name}-GGUF`, name)
const qwen3 = (size: string, width: number, sha256: Sums, sizes: Sizes): Preset => ({
  ...huggingFace(`Qwen/Qwen3-VL-${size}-Instruct-GGUF`, `Qwen3VL-${size}-Instruct`),
  sha256,
  figures: { ...sizes, recurrent: null, tower: tower(width, 32) }
})
const qwen25 = (size: string, sizes: Sizes): Preset =>
  ({ ...ggmlOrg(`Qwen2.5-VL-${size}-Instruct`), figures: { ...sizes, recurrent: null, tower: tower(1280, 28) } })

export const PRESETS: Record<string, Preset> = {
  'qwen3.5-2b': qwen35(
    unsloth('Qwen3.5-2B'),
    { model: 'aaf42c8b7c3cab2bf3d69c355048d4a0ee9973d48f16c731c0520ee914699223' },
    { layers: 18, valueHeads: 16 },
    1024,
    {
      model: 1_280_835_840,
      projector: 668_227_264,
      weights: 1.27e9,
      compute: 0.521e9,
      cell: 12_288,
      heads: 8,
      active: 1.37e9
    }
  ),
  'qwen3.5-4b': qwen35(
    unsloth('Qwen3.5-4B'),
    {
      model: '00fe7986ff5f6b463e62455821146049db6f9313603938a70800d1fb69ef11a4',
      mmproj: 'cd88edcf8d031894960bb0c9c5b9b7e1fea6ebee02b9f7ce925a00d12891f864'
    },
    { layers: 24, valueHeads: 32 },
    1024,
    {
      model: 2_740_937_888,
      projector: 672_423_616,
      weights: 2.73e9,
      compute: 0.527e9,
      cell: 32_768,
      heads: 16,
      active: 3.57e9
    }
  ),
  'qwen3.5-9b': qwen35(
    unsloth('Qwen3.5-9B'),
    {
      model: '03b74727a860a56338e042c4420bb3f04b2fec5734175f4cb9fa853daf52b7e8',
      mmproj: 'f70dc3509053962b0d0d3ee8a7eacebf5d60aa560cad78254ae8698516ae029f'
    },
    { layers: 24, valueHeads: 32 },
    1152,
    {
      model: 5_680_522_464,
      projector: 918_166_080,
      weights: 5.1e9,
      compute: 0.534e9,
      cell: 32_768,
      heads: 16,
      active: 6.92e9
    }
  ),
  'qwen3.6-35b-a3b': qwen35(
    ggmlOrg('Qwen3.6-35B-A3B'),
    {
      model: '671e47e0ec53c665d048b98c3ecbfd5236b5ca9c3e02ed19fc8f81f7b85140c7',
      mmproj: '904cbf8c8e876220066ab3bf676c7efa40f3da372276fdaf8b01d2fb2a37a51d'
    },
    { layers: 30, valueHeads: 32 },
    1152,
    {
      model: 20_419_565_568,
      projector: 614_194_304,
      weights: 20.1e9,
      compute: 0.521e9,
      cell: 20_480,
      heads: 16,
      active: 2.44e9
    }
  ),
  'qwen3.8-27b': qwen35(
    ggmlOrg('Qwen3.8-27B'),
    {
      model: '31629f53165ab6a7dad8c9847dcfd1fdf55829dac1e6e748f4a68581b0033d34',
      mmproj: '2e968a6af97ce35d8971890b257b9b7edabf20ad91450501fa53162a19ee33eb'
    },
    { layers: 48, valueHeads: 48 },
    1152,
    {
      model: 18_973_870_432,
      projector: 629_247_008,
      weights: 18.3e9,
      compute: 0.548e9,
      cell: 65_536,
      heads: 24,
      active: 24.4e9
    }
  ),
  'qwen3-vl-2b': qwen3('2B', 1024, {}, {
    model: 1.11e9, projector: 445_053_216, weights: 1.1e9, compute: 0.336e9, cell: 114_688, heads: 16, active: 1.41e9
  }),
  'qwen3-vl-4b': qwen3('4B', 1024, {}, {
    model: 2.5e9, projector: 0.454e9, weights: 2.49e9, compute: 0.337e9, cell: 147_456, heads: 32, active: 3.63e9
  }),
  'qwen3-vl-8b': qwen3(
    '8B', 1152,
    {
      model: '67d1659bfe71b89d50b45a4ad1a9e5b997e5bb16ce5da66a6a6167abd569e9e2',
      mmproj: 'c6ba85508d82f42590e6eb77d5340369ab6fecf107a7561d809523d8aa5f3bfd'
    },
    {
      model: 5_027_784_800,
      projector: 752_289_728,
      weights: 4.67e9,
      compute: 0.361e9,
      cell: 147_456,
      heads: 32,
      active: 6.95e9
    }
  ),
  'qwen3-vl-30b-a3b': qwen3(
    '30B-A3B', 1152,
    {
      model: '87bb374d849f80ebdfabb304189fac9e0bd35a0f74506e6a59c51b206cbe863b',
      mmproj: '82a9966edfdbc1b18a27fd90af96d50cbf111a51484f6290e946dccf461c8150'
    },
    {
      model: 18_556_687_168,
      projector: 712_148_928,
      weights: 18.4e9,
      compute: 0.332e9,
      cell: 98_304,
      heads: 32,
      active: 2.73e9
    }
  ),
  'qwen3-vl-32b': qwen3(
    '32B', 1152,
    {
      model: '5cf0136e721d6294718ec71fd8c93b17ab5dd4e2714d6079e83fa46571ad94c8',
      mmproj: 'c01734a97adc350c1eebb957ed433afee4e376ebd0949163f659c76d8dcf20ca'
    },
    {
      model: 19_762_150_432,
      projector: 772_360_224,
      weights: 19.3e9,
      compute: 0.364e9,
      cell: 262_144,
      heads: 64,
      active: 31.2e9
    }
  ),
  'qwen2.5-vl-3b': qwen25('3B', {
    model: 1.93e9, projector: 0.845e9, weights: 1.92e9, compute: 0.32e9, cell: 36_864, heads: 16, active: 2.77e9
  }),
  'qwen2.5-vl-7b': qwen25('7B', {
    model: 4.68e9, projector: 0.853e9, weights: 4.37e9, compute: 0.326e9, cell: 57_344, heads: 28, active: 6.53e9
  })
}

/** The embedded model, which runs when `MODEL` is empty. Paths are relative to the project root. */
export const DEMO: Preset = {
  model: 'models/demo/tiny-qwen2-vl-q8_0.gguf',
  mmproj: 'models/demo/mmproj-tiny-qwen2-vl-f16.gguf',
  sampling: { temperature: 0 },
  threads: 1
}
