/** A decoder for tests. Its options say what it does. */
import { writeFileSync } from 'node:fs'
import { Refusal, serveDecoder } from '../../../../services/images/decoder/serve.ts'

export type Oddity =
  | 'decodes' | 'refuses' | 'loops in WebAssembly' | 'grows its memory' | 'hides that it got no memory' | 'aborts'
  | 'exits' | 'fills the heap' | 'throws later' | 'answers what cannot be cloned' | 'takes 40 MiB'

interface Memory { grow (pages: number): number, readonly buffer: ArrayBuffer }

const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    Memory: new (options: { initial: number }) => Memory
    Module: new (bytes: Uint8Array) => object
    Instance: new (module: object) => { exports: { run (): void } }
  }
}

/** `(module (func (export "run") (loop (br 0))))` */
const LOOP = '0061736d010000000104016000000302010007070103' + '72756e00000a0901070003400c000b0b'
/** `(module (func (export "run") (unreachable)))`, which is how `abort()` of C ends. */
const TRAP = '0061736d010000000104016000000302010007070103' + '72756e00000a05010300000b'

function runModule (hex: string): void {
  new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(hex, 'hex'))).exports.run()
}

let jobs = 0

const does: Record<Oddity, (path: string) => unknown> = {
  decodes: path => ({ path, jobs }),
  refuses () { throw new Refusal('damaged', 'It is damaged') },
  'loops in WebAssembly' (path) {
    writeFileSync(path, 'started')
    runModule(LOOP)
  },
  'grows its memory' () {
    const memory = new WebAssembly.Memory({ initial: 1 })
    for (;;) memory.grow(16)
  },
  'hides that it got no memory' () {
    try {
      new WebAssembly.Memory({ initial: 1 }).grow(1024)
    } catch {
      throw new Refusal('damaged', 'It is damaged')
    }
  },
  aborts: () => runModule(TRAP),
  exits: () => process.exit(0),
  'fills the heap' () {
    const all: unknown[] = []
    for (;;) all.push(new Array(1000).fill(all.length))
  },
  'throws later': () => new Promise(() => setTimeout(() => { throw new Error('later') })),
  'answers what cannot be cloned': () => () => {},
  'takes 40 MiB': () => new WebAssembly.Memory({ initial: 1 }).grow(640)
}

await serveDecoder(async () => async (path, options) => {
  jobs++
  const result = await does[options as Oddity](path)
  const pixels = new Uint8Array([1, 2, 3])
  return { result: { result, pixels, jobs }, transfer: [pixels.buffer] }
})
