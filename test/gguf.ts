import { readFileSync, writeFileSync } from 'node:fs'

const GGUF_STRING = 8
const GGUF_ARRAY = 9
/** Bytes of a value of each GGUF type that has a fixed size. */
const SIZES: Record<number, number> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 }
const DEFAULT_ALIGNMENT = 32

/** Writes a copy of a GGUF file whose `tokenizer.chat_template` says something else. Layout: ggml/docs/gguf.md. */
export function withChatTemplate (source: string, target: string, template: string): void {
  const file = readFileSync(source)
  const tensors = Number(file.readBigUInt64LE(8))
  const entries = Number(file.readBigUInt64LE(16))
  let at = 24
  const u32 = () => {
    at += 4
    return file.readUInt32LE(at - 4)
  }
  const u64 = () => {
    at += 8
    return Number(file.readBigUInt64LE(at - 8))
  }
  const text = () => {
    const start = at + 8
    at = start + u64()
    return file.toString('utf8', start, at)
  }
  const skip = (type: number): void => {
    if (type === GGUF_STRING) text()
    else if (type === GGUF_ARRAY) for (let inner = u32(), n = u64(); n > 0; n--) skip(inner)
    else at += SIZES[type]!
  }

  let [from, to] = [-1, -1]
  for (let i = 0; i < entries; i++) {
    const key = text()
    const type = u32()
    const start = at
    skip(type)
    if (key === 'tokenizer.chat_template') [from, to] = [start, at]
  }
  if (from < 0) throw new Error(`${source} has no chat template`)
  for (let i = 0; i < tensors; i++) {
    text()
    for (let n = u32(); n > 0; n--) u64()
    u32()
    u64()
  }

  const aligned = (offset: number) => Math.ceil(offset / DEFAULT_ALIGNMENT) * DEFAULT_ALIGNMENT
  const value = Buffer.from(template)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(value.length))
  const head = Buffer.concat([file.subarray(0, from), length, value, file.subarray(to, at)])
  writeFileSync(
    target, Buffer.concat([head, Buffer.alloc(aligned(head.length) - head.length), file.subarray(aligned(at))])
  )
}
