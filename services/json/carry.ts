const LEAST_BYTES = 1024
const NOTHING = Buffer.alloc(0)

/** Bytes of an unfinished token. The buffer doubles when it is full, so that many small pieces cost little memory. */
export class Carry {
  #buffer: Buffer = NOTHING
  #start = 0
  #end = 0

  /** The bytes, as a view that is valid until the next call. */
  get bytes (): Buffer {
    return this.#buffer.subarray(this.#start, this.#end)
  }

  get length (): number {
    return this.#end - this.#start
  }

  append (more: Buffer): void {
    if (this.#end + more.length > this.#buffer.length) this.#makeRoom(more.length)
    more.copy(this.#buffer, this.#end)
    this.#end += more.length
  }

  /** Removes bytes at the start. */
  drop (count: number): void {
    this.#start += count
    if (this.#start === this.#end) this.#start = this.#end = 0
  }

  clear (): void {
    this.#buffer = NOTHING
    this.#start = this.#end = 0
  }

  #makeRoom (more: number): void {
    const { bytes } = this
    const needed = bytes.length + more
    const size = Math.max(LEAST_BYTES, 2 * needed)
    const buffer = needed <= this.#buffer.length / 2 ? this.#buffer : Buffer.allocUnsafeSlow(size)
    bytes.copy(buffer)
    this.#buffer = buffer
    this.#start = 0
    this.#end = bytes.length
  }
}
