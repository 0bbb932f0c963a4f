/**
 * Writes the images of the sample questions on the start screen of the page: `web/src/samples/`. Those for the embedded
 * model are copies of its examples, and those for other models are drawn here.
 *
 *   npm run samples
 *
 * Needs the font DejaVu Sans (apt-get install fonts-dejavu-core).
 */
import { copyFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import sharp from 'sharp'
import { ROOT } from '../../config/root.ts'
import { DEMO_SAMPLES, drawInvoice, drawStreet } from '../lib/sample-images.ts'

const OUT = path.join(ROOT, 'web/src/samples')
const MAX_BYTES = 12_000

for (const [name, example] of Object.entries(DEMO_SAMPLES)) {
  copyFileSync(path.join(ROOT, 'models/demo/examples', example), path.join(OUT, name))
}
for (const { name, svg, colours } of [
  { name: 'street-morning.png', svg: drawStreet('morning'), colours: 32 },
  { name: 'street-evening.png', svg: drawStreet('evening'), colours: 32 },
  { name: 'invoice.png', svg: drawInvoice(), colours: 8 }
]) {
  const png = await sharp(Buffer.from(svg)).png({ palette: true, colours, dither: 0, effort: 10 }).toBuffer()
  if (png.length > MAX_BYTES) throw new Error(`${name} has ${png.length} bytes, more than ${MAX_BYTES}`)
  writeFileSync(path.join(OUT, name), png)
  console.log(`web/src/samples/${name}: ${png.length} bytes`)
}
