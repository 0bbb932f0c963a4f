/** Writes GGUF files, version 3, little-endian: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. */
import { closeSync, ftruncateSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'

/** A value of the metadata. Numbers name their type; an array contains values of one type. */
export type GgufValue =
  | string
  | boolean
  | { uint32: number }
  | { float32: number }
  | { strings: readonly string[] }
  | { int32s: readonly number[] }
  | { float32s: readonly number[] }
  | { bools: readonly boolean[] }

export type TensorType = 'F32' | 'F16' | 'Q4_0' | 'Q8_0'

/** A tensor without its data. */
export interface HollowTensor {
  name: string
  /** In ggml's order: the length of a row comes first. */
  shape: readonly number[]
  type: TensorType | 'Q4_K' | 'Q5_K' | 'Q6_K'
}

export interface Tensor extends HollowTensor {
  type: TensorType
  /** Yields the tensor's bytes in pieces, in order. */
  data: () => Iterable<Uint8Array>
}

const ALIGNMENT = 32
const VALUE_TYPE = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 }
/** Bytes of a value, by GGUF's number of its type. Strings and arrays have no fixed size. */
const VALUE_BYTES: Record<number, number> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 }
/** ggml's number of the type, and the elements and bytes of one block. */
const TENSOR_TYPE: Record<HollowTensor['type'], { id: number, elements: number, bytes: number }> = {
  F32: { id: 0, elements: 1, bytes: 4 },
  F16: { id: 1, elements: 1, bytes: 2 },
  Q4_0: { id: 2, elements: 32, bytes: 18 },
  Q8_0: { id: 8, elements: 32, bytes: 34 },
  Q4_K: { id: 12, elements: 256, bytes: 144 },
  Q5_K: { id: 13, elements: 256, bytes: 176 },
  Q6_K: { id: 14, elements: 256, bytes: 210 }
}

export function elementsOf ({ shape }: Pick<Tensor, 'shape'>): number {
  return shape.reduce((product, length) => product * length, 1)
}

/**
 * Bytes of a tensor in the file, without padding.
 * @throws Error when a row is not a whole number of blocks
 */
export function bytesOf (tensor: HollowTensor): number {
  const { elements, bytes } = TENSOR_TYPE[tensor.type]
  if (tensor.shape[0]! % elements !== 0) {
    throw new Error(`${tensor.name}: rows of ${tensor.shape[0]} elements cannot be stored as ${tensor.type}`)
  }
  return elementsOf(tensor) / elements * bytes
}

/**
 * Writes a GGUF file piece by piece. The file appears under its name only when it is complete.
 * @throws Error when a tensor yields more or fewer bytes than its shape requires
 */
export function writeGguf (file: string, metadata: Record<string, GgufValue>, tensors: readonly Tensor[]): void {
  const partial = `${file}.${process.pid}.partial`
  const fd = openSync(partial, 'w')
  let written = 0
  const write = (bytes: Uint8Array) => {
    for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done)
    written += bytes.length
  }
  const pad = () => write(new Uint8Array(padding(written)))
  try {
    write(header(metadata, tensors))
    for (const tensor of tensors) {
      pad()
      const start = written
      for (const piece of tensor.data()) write(piece)
      if (written - start !== bytesOf(tensor)) {
        throw new Error(`${tensor.name} has ${written - start} bytes instead of ${bytesOf(tensor)}`)
      }
    }
    pad()
    closeSync(fd)
    renameSync(partial, file)
  } catch (error) {
    rmSync(partial, { force: true })
    throw error
  }
}

/** Writes a sparse GGUF file: as long as a real one, with tensors of zeros that take no space on the disk. */
export function writeHollowGguf (
  file: string, metadata: Record<string, GgufValue>, tensors: readonly HollowTensor[]
): void {
  const head = header(metadata, tensors)
  const size = tensors.reduce((offset, tensor) => offset + aligned(bytesOf(tensor)), aligned(head.length))
  const fd = openSync(file, 'w')
  for (let done = 0; done < head.length;) done += writeSync(fd, head, done)
  ftruncateSync(fd, size)
  closeSync(fd)
}

/**
 * Writes a copy of a GGUF file with another chat template.
 * @throws Error when the file has no chat template
 */
export function withChatTemplate (source: string, target: string, template: string): void {
  const file = readFileSync(source)
  const { template: place, end } = readHeader(file)
  if (!place) throw new Error(`${source} has no chat template`)
  const head = Buffer.concat([file.subarray(0, place.from), text(template), file.subarray(place.to, end)])
  writeFileSync(target, Buffer.concat([head, Buffer.alloc(padding(head.length)), file.subarray(aligned(end))]))
}

/** Offsets of the chat template's string, and of the header's end without padding. */
function readHeader (file: Buffer): { template?: { from: number, to: number }, end: number } {
  let at = 0
  const u32 = () => file.readUInt32LE((at += 4) - 4)
  const u64 = () => Number(file.readBigUInt64LE((at += 8) - 8))
  const string = () => {
    const length = u64()
    at += length
    return file.toString('utf8', at - length, at)
  }
  const skip = (type: number): void => {
    if (type === VALUE_TYPE.string) string()
    else if (type === VALUE_TYPE.array) for (let inner = u32(), n = u64(); n > 0; n--) skip(inner)
    else at += VALUE_BYTES[type]!
  }

  at = Buffer.byteLength('GGUF') + 4
  const tensors = u64()
  let template
  for (let entries = u64(); entries > 0; entries--) {
    const key = string()
    const type = u32()
    const from = at
    skip(type)
    if (key === 'tokenizer.chat_template') template = { from, to: at }
  }
  for (let i = 0; i < tensors; i++) {
    string()
    for (let dimensions = u32(); dimensions > 0; dimensions--) u64()
    u32()
    u64()
  }
  return { template, end: at }
}

const padding = (length: number) => (ALIGNMENT - length % ALIGNMENT) % ALIGNMENT
const aligned = (length: number) => length + padding(length)

function header (metadata: Record<string, GgufValue>, tensors: readonly HollowTensor[]): Uint8Array {
  const entries = Object.entries(metadata)
  const parts = [Buffer.from('GGUF'), uint32(3), uint64(tensors.length), uint64(entries.length)]
  for (const [key, value] of entries) parts.push(text(key), encode(value))
  let offset = 0
  for (const tensor of tensors) {
    parts.push(
      text(tensor.name), uint32(tensor.shape.length), ...tensor.shape.map(uint64), uint32(TENSOR_TYPE[tensor.type].id),
      uint64(offset)
    )
    offset = aligned(offset + bytesOf(tensor))
  }
  return Buffer.concat(parts)
}

function encode (value: GgufValue): Buffer {
  const array = (type: number, items: Buffer[]) =>
    Buffer.concat([uint32(VALUE_TYPE.array), uint32(type), uint64(items.length), Buffer.concat(items)])
  if (typeof value === 'string') return Buffer.concat([uint32(VALUE_TYPE.string), text(value)])
  if (typeof value === 'boolean') return Buffer.concat([uint32(VALUE_TYPE.bool), Buffer.from([Number(value)])])
  if ('uint32' in value) return Buffer.concat([uint32(VALUE_TYPE.uint32), uint32(value.uint32)])
  if ('float32' in value) return Buffer.concat([uint32(VALUE_TYPE.float32), float32(value.float32)])
  if ('strings' in value) return array(VALUE_TYPE.string, value.strings.map(text))
  if ('int32s' in value) return array(VALUE_TYPE.int32, value.int32s.map(int32))
  if ('bools' in value) return array(VALUE_TYPE.bool, value.bools.map(value => Buffer.from([Number(value)])))
  return array(VALUE_TYPE.float32, value.float32s.map(float32))
}

function uint32 (value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function int32 (value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}

function uint64 (value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

function float32 (value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return bytes
}

function text (value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([uint64(bytes.length), bytes])
}
