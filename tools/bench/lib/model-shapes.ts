import { qwen2Vl } from './qwen2-vl.ts'
import { qwen35 } from './qwen35.ts'
import type { ModelShape } from './tensor-plan.ts'

export const SHAPES = {
  /**
   * About 0.3 billion parameters, with an encoder in proportion: as with Qwen2-VL-2B, encoding an image of 1000 tokens
   * takes about three times as long as the prefill of its embeddings.
   */
  small: qwen2Vl({
    text: {
      layers: 14,
      width: 1024,
      heads: 16,
      kvHeads: 2,
      feedForward: 2816,
      vocabulary: 64_000,
      ropeSections: [8, 12, 12, 0]
    },
    vision: { layers: 16, width: 512, heads: 8, feedForward: 2048 }
  }),
  /** Qwen2-VL-2B-Instruct. */
  '2b': qwen2Vl({
    text: {
      layers: 28,
      width: 1536,
      heads: 12,
      kvHeads: 2,
      feedForward: 8960,
      vocabulary: 151_936,
      ropeSections: [16, 24, 24, 0]
    },
    vision: { layers: 32, width: 1280, heads: 16, feedForward: 5120 }
  }),
  /** Close to Qwen3.5-0.8B, with a smaller vocabulary: 18 of 24 layers are recurrent. */
  hybrid: qwen35({
    text: {
      layers: 24,
      width: 1024,
      heads: 8,
      kvHeads: 2,
      headSize: 256,
      keyHeads: 16,
      valueHeads: 16,
      stateSize: 128,
      feedForward: 3584,
      vocabulary: 64_000
    },
    vision: { layers: 12, width: 768, heads: 12, feedForward: 3072 }
  })
} satisfies Record<string, ModelShape>

export type ShapeName = keyof typeof SHAPES
