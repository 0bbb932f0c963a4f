import type { HollowTensor } from '../../tools/lib/gguf.ts'
import type { RealShape } from './shapes.ts'

/** Patches that are merged to one token. */
const MERGED = 4

/** Returns the tensors of a projector, as llama.cpp's converter writes them. */
export function visionTensors ({ text, vision, projectorType }: RealShape): HollowTensor[] {
  const { projector, layers, width, feedForward, patch, deepstack } = vision
  const merged = width * MERGED
  const isQwen25 = projector === 'qwen2.5vl_merger'
  const isQwen3 = projector === 'qwen3vl_merger'
  const patches = isQwen3 && projectorType === 'Q8_0' ? 'F32' : 'F16'
  const norm = (name: string, size: number) =>
    [tensor(`${name}.weight`, 'F32', size), ...isQwen25 ? [] : [tensor(`${name}.bias`, 'F32', size)]]
  const linear = (name: string, input: number, output: number) => [
    tensor(`${name}.weight`, input % 32 === 0 ? projectorType : 'F16', input, output),
    tensor(`${name}.bias`, 'F32', output)
  ]
  return [
    tensor('v.patch_embd.weight', patches, patch, patch, 3, width),
    tensor('v.patch_embd.weight.1', patches, patch, patch, 3, width),
    ...isQwen3 ? [tensor('v.patch_embd.bias', 'F32', width), tensor('v.position_embd.weight', 'F32', width, 2304)] : [],
    ...Array.from({ length: layers }, (_, layer) => {
      const at = (name: string) => `v.blk.${layer}.${name}`
      return [
        ...norm(at('ln1'), width),
        ...norm(at('ln2'), width),
        ...isQwen3
          ? linear(at('attn_qkv'), width, 3 * width)
          : ['attn_q', 'attn_k', 'attn_v'].flatMap(name => linear(at(name), width, width)),
        ...linear(at('attn_out'), width, width),
        ...isQwen25 ? linear(at('ffn_gate'), width, feedForward) : [],
        ...linear(at('ffn_up'), width, feedForward),
        ...linear(at('ffn_down'), feedForward, width)
      ]
    }).flat(),
    ...deepstack.flatMap(layer => [
      ...norm(`v.deepstack.${layer}.norm`, merged),
      ...linear(`v.deepstack.${layer}.fc1`, merged, merged),
      ...linear(`v.deepstack.${layer}.fc2`, merged, text.width)
    ]),
    ...norm('v.post_ln', width),
    ...linear('mm.0', merged, merged),
    ...linear('mm.2', merged, text.width)
  ]
}

function tensor (name: string, type: HollowTensor['type'], ...shape: number[]): HollowTensor {
  return { name, type, shape }
}
