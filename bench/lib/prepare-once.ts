/** Prepares one picture in a process of its own and prints by how many bytes its memory peaked above what it had before. */
import { statSync } from 'node:fs'
import path from 'node:path'
import { inspectImage } from '../../services/images/inspect.ts'
import { prepareImage } from '../../services/images/prepare.ts'
import sharp from '../../services/images/sharp.ts'

const [source, width, height] = process.argv.slice(2) as [string, string, string]

async function prepare (file: string): Promise<void> {
  const image = { path: file, label: 'picture', bytes: statSync(file).size }
  await prepareImage(image, await inspectImage(image, { maxInputPixels: Infinity }), { width: Number(width), height: Number(height) })
}

// A small one first: what libvips takes once is no matter of the picture.
const small = path.join(path.dirname(source), `small-${process.pid}.jpg`)
await sharp({ create: { width: 640, height: 480, channels: 3, background: 'red' } }).jpeg().toFile(small)
await prepare(small)
const peak = () => process.resourceUsage().maxRSS * 1024
const before = peak()
await prepare(source)
console.log(peak() - before)
