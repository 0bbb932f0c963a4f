/** Prepares one image in a process of its own and prints by how many bytes its memory peaked above what it had before. Linux. */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { inspectImage } from '../../../services/images/inspect.ts'
import { prepareImage } from '../../../services/images/prepare.ts'
import sharp from '../../../services/images/sharp.ts'

const [source, width, height] = process.argv.slice(2) as [string, string, string]

async function prepare (file: string): Promise<void> {
  const image = { path: file, label: 'picture', bytes: statSync(file).size }
  await prepareImage(
    image, await inspectImage(image, { maxInputPixels: Infinity }), { width: Number(width), height: Number(height) }
  )
}

// A small one first: what libvips takes once is no matter of the image.
const small = path.join(path.dirname(source), `small-${process.pid}.jpg`)
await sharp({ create: { width: 640, height: 480, channels: 3, background: 'red' } }).jpeg().toFile(small)
await prepare(small)
/** A figure of /proc/self/status in bytes. */
const figure = (name: string) =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024
// Sets the high-water mark back to what is in use now; loading the program took more for a moment.
writeFileSync('/proc/self/clear_refs', '5')
const before = figure('VmRSS')
await prepare(source)
console.log(figure('VmHWM') - before)
