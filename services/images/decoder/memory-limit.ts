/** Bounds the WebAssembly memory of a thread. */
export interface MemoryLimit {
  /** Starts a job. Every memory may grow to this many bytes. */
  set (bytes: number): void
  /** Returns whether a memory was refused since the last call of `set`. */
  isExceeded (): boolean
  /** Size of the largest memory that has grown since the last call of `set`, in bytes. */
  largest (): number
}

const PAGE_BYTES = 64 * 1024

interface WasmMemory {
  readonly buffer: ArrayBuffer
  grow (pages: number): number
}

/** TypeScript knows WebAssembly only in browsers. */
const { WebAssembly } = globalThis as unknown as { WebAssembly: { Memory: { prototype: WasmMemory } } }

/**
 * Replaces `WebAssembly.Memory.prototype.grow` in this thread, before a module is instantiated. The allocator of a
 * decoder then fails as if the machine had no more memory. A module that grows its memory by an instruction would not
 * be limited; Emscripten's modules call JavaScript instead.
 */
export function limitWasmMemory (): MemoryLimit {
  const { prototype } = WebAssembly.Memory
  const { grow } = prototype
  let limit = Infinity
  let exceeded = false
  let largest = 0
  prototype.grow = function (this: WasmMemory, pages: number) {
    const bytes = this.buffer.byteLength + pages * PAGE_BYTES
    if (bytes > limit) {
      exceeded = true
      throw new RangeError(`The WebAssembly memory may have at most ${limit} bytes`)
    }
    const before = grow.call(this, pages)
    largest = Math.max(largest, bytes)
    return before
  }
  return {
    set (bytes) {
      limit = bytes
      exceeded = false
      largest = 0
    },
    isExceeded: () => exceeded,
    largest: () => largest
  }
}
