import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { deflateSync } from 'node:zlib'
import { pino } from 'pino'
import sharp, { type Sharp } from 'sharp'
import t, { type Test } from 'tap'
import { buildApp } from '../../app.ts'
import { loadConfig } from '../../config/config.ts'
import type { Engine, GenerateRequest } from '../../services/engine/engine.ts'
import { join } from '../../tools/lib/bytes.ts'
import { ask, askStream, createTestEngine } from '../helper.ts'
import { noise } from '../services/images/draw.ts'
import { gif } from './gif.ts'
import { segment, withSegments } from './jpeg.ts'
import { chunk, png } from './png.ts'

/** A text that is in all metadata of the images, and nowhere else. */
const MARKER = 'N51-30-32-W0-7-39'
const RDF = 'http://www.w3.org/1999/02/22-rdf-syntax-ns#'
const DESCRIPTION = `<rdf:RDF xmlns:rdf="${RDF}"><rdf:Description rdf:about="${MARKER}"/></rdf:RDF>`
const XMP = `<x:xmpmeta xmlns:x="adobe:ns:meta/">${DESCRIPTION}</x:xmpmeta>`

/** Adds Exif with a place, an author and a comment, and XMP. */
function tagged (image: Sharp): Sharp {
  return image.withExif({
    IFD0: { Artist: MARKER, ImageDescription: MARKER, Software: MARKER },
    IFD2: { UserComment: MARKER, BodySerialNumber: MARKER },
    IFD3: {
      GPSLatitudeRef: 'N',
      GPSLatitude: '51/1 30/1 32/1',
      GPSLongitudeRef: 'W',
      GPSLongitude: '0/1 7/1 39/1',
      GPSMapDatum: MARKER
    }
  }).withXmp(XMP)
}

/** Side in pixels of a square that needs no preparation. */
const READY = 140

async function images (): Promise<Array<[name: string, bytes: Buffer]>> {
  const jpeg = await tagged(noise(400, 300).jpeg()).toBuffer()
  const text = (type: string, ...content: Array<string | number | Buffer>) => chunk(type, join(...content))
  const pixels = text('IDAT', deflateSync(Buffer.alloc(48 * (1 + 64 * 3))))
  const texts = [
    text('tEXt', 'Author', 0, MARKER),
    text('zTXt', 'Comment', 0, 0, deflateSync(MARKER)),
    text('iTXt', 'XML:com.adobe.xmp', 0, 0, 0, 0, 0, XMP),
    text('iCCP', MARKER, 0, 0, deflateSync(MARKER.repeat(20)))
  ]
  return [
    ['a.jpg', withSegments(
      jpeg, segment(0xfe, MARKER),
      segment(0xed, `Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x18\x1c\x02\x78\0\x11${MARKER}`)
    )],
    ['rotated.jpg', await tagged(noise(400, 300).withMetadata({ orientation: 6 }).jpeg()).toBuffer()],
    ['ready.jpg', withSegments(await tagged(noise(READY, READY).jpeg()).toBuffer(), segment(0xfe, MARKER))],
    ['ready.png', await tagged(noise(READY, READY).png()).toBuffer()],
    ['../../../a.png', await tagged(noise(400, 300).png()).toBuffer()],
    ['texts.png', png({ width: 64, height: 48 }, ...texts, pixels)],
    ['a.webp', await tagged(noise(400, 300).webp()).toBuffer()],
    ['a.avif', await tagged(noise(200, 150).avif({ effort: 0 })).toBuffer()],
    ['a.tiff', await tagged(noise(400, 300).tiff()).toBuffer()],
    ['a.gif', gif(
      { width: 1, height: 1 }, join(0x21, 0xfe, MARKER.length, MARKER, 0),
      join(0x2c, Buffer.from([0, 0, 0, 0, 1, 0, 1, 0, 0]), 2, 2, 0x44, 0x01, 0)
    )],
    ['cut off.jpg', jpeg.subarray(0, jpeg.length - 500)],
    ['cut off.png', (await tagged(noise(400, 300).png()).toBuffer()).subarray(0, -500)]
  ]
}

const lines: string[] = []
const log = pino({ level: 'trace' }, { write: line => { lines.push(line) } })
const engine = await createTestEngine(t, { log })
const config =
  loadConfig({ UPLOAD_DIR: path.join(t.testdir({ uploads: {} }), 'uploads'), LLAMA_GPU: 'off', LOG_LEVEL: 'trace' })

/** The requests to the engine, and the files on the disk at that time. */
const given: Array<{ request: GenerateRequest, files: Map<string, Buffer> }> = []
const watching: Engine = {
  ...engine,
  close: async () => {},
  async * generate (request, signal) {
    for (const { file } of request.images) await file?.()
    const names =
      readdirSync(config.uploadDir, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
    given.push({
      request, files: new Map(names.map(entry => [entry.name, readFileSync(path.join(entry.parentPath, entry.name))]))
    })
    yield * engine.generate(request, signal)
  }
}
const app = await buildApp({ config, engine: watching, logger: log })
const url = await app.listen({ host: '127.0.0.1', port: 0 })
t.teardown(() => app.close())

t.test('metadata of an image reaches neither the answer nor the engine', async t => {
  for (const [name, bytes] of await images()) {
    await t.test(name, async t => {
      given.length = 0
      const reply = await ask(url, { message: 'Hi', max_tokens: '2' }, [{ data: bytes, name }])
      const broken = name.startsWith('cut off')
      t.equal(reply.status, broken ? 422 : 200)
      t.notMatch(JSON.stringify(reply.body), MARKER, 'the answer does not contain it')
      const stream = await askStream(url, { message: 'Hi', max_tokens: '2' }, [{ data: bytes, name }])
      t.notMatch(JSON.stringify(stream.events), MARKER, 'the events do not contain it')

      t.equal(given.length, broken ? 0 : 2)
      for (const { request, files } of given) {
        t.notMatch(JSON.stringify(request), MARKER, 'the request to the engine does not contain it')
        t.ok(files.get('0.upload')!.equals(bytes), 'the original file is unchanged')
        const copy = files.get('0_compressed.png')
        const expected = copy ? ['0.upload', '0_compressed.png'] : ['0.upload']
        t.same([...files.keys()].sort(), expected, 'the name of the upload is not used')
        t.equal(copy === undefined, name.startsWith('ready'))
        if (copy) await checkCopy(t, copy)
      }
      t.same(readdirSync(config.uploadDir), [], 'no file is left')
    })
  }
})

async function checkCopy (t: Test, copy: Buffer): Promise<void> {
  t.notOk(copy.includes(MARKER), 'the copy does not contain it')
  const { exif, xmp, iptc, icc, comments } = await sharp(copy).metadata()
  t.same([exif, xmp, iptc, icc, comments], [undefined, undefined, undefined, undefined, undefined])
}

t.test('the log reports images without their metadata', async t => {
  const all = lines.join('')
  t.match(all, /image preparation finished/)
  t.match(all, /temporary files cleaned up/)
  t.match(all, /CORRUPT_IMAGE/)
  t.notMatch(all, MARKER)
  t.notMatch(all, /Photoshop|xmpmeta|GPS/)
})
