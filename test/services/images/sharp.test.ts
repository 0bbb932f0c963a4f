import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { ROOT } from '../../../config/root.ts'

/** Runs in a separate process, because the loaders stay blocked. */
const SCRIPT = `
  import { blockOtherLoaders, default as sharp } from './services/images/sharp.ts'
  const drawn = sharp({ create: { width: 60, height: 40, channels: 3, background: 'teal' } })
  const kinds = await Promise.all(['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'].map(kind =>
    drawn.clone().withIccProfile('p3').toFormat(kind).toBuffer()))
  kinds.push(await drawn.clone().toColourspace('cmyk').jpeg().toBuffer())
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
  const matrix = Buffer.from('3 3\\n1 2 3\\n4 5 6\\n7 8 9\\n')
  const readable = async images => {
    const outcomes = await Promise.allSettled(images.map(bytes => sharp(bytes).resize(9, 9).png().toBuffer()))
    return outcomes.filter(({ status }) => status === 'fulfilled').length
  }
  const before = await readable([svg, matrix])
  blockOtherLoaders()
  console.log(JSON.stringify([before, await readable([svg, matrix]), await readable(kinds)]))`

t.test('after other loaders are blocked, libvips reads only the six accepted formats', async t => {
  const { stdout } = await promisify(execFile)(
    process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', SCRIPT], { cwd: ROOT }
  )
  t.same(JSON.parse(stdout), [1, 0, 7], 'before that, libvips read an SVG')
})
