/**
 * Prepares one image and prints the peak memory of this process, in bytes above its memory at the start. Linux only.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import sharp from '../../../services/images/sharp.ts'
import { prepareFile } from './prepare-file.ts'

const [source, width, height] = process.argv.slice(2) as [string, string, string]

const size = { width: Number(width), height: Number(height) }

// Prepares a small image first, so that memory that libvips allocates only once does not count.
const small = path.join(path.dirname(source), `small-${process.pid}.jpg`)
await sharp({ create: { width: 640, height: 480, channels: 3, background: 'red' } }).jpeg().toFile(small)
await prepareFile(small, size)
/** A value of /proc/self/status in bytes. */
const figure = (name: string) =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024
// Resets the high-water mark, because loading the program may have needed more memory.
writeFileSync('/proc/self/clear_refs', '5')
const before = figure('VmRSS')
await prepareFile(source, size)
console.log(figure('VmHWM') - before)
