import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import t from 'tap'
import { SightlineError } from '../../errors/catalogue.ts'
import type { Place } from '../../services/json/place.ts'
import { CHAT_PLACES, COMPLETION_PLACES } from '../../services/uploads/image-places.ts'
import { readJsonBody } from '../../services/uploads/json-body.ts'
import { cutAt } from '../services/json/parse.ts'
import { createUpload } from '../services/uploads/uploading.ts'
import { fuzz, show } from './fuzz.ts'
import { mutateText, pick, type Below } from './mutate.ts'

const HEADS = [
  'data:image/png;base64,', 'data:;base64,', ' DATA:image/jpeg;name=a.jpg;charset=utf-8;Base64,', 'data:image/png,',
  'data:image/png;base64', 'data:,;base64,', 'https://example.com/', 'sightline:sha256:', 'x', ''
]
const WORDS = [
  '"', '\\', '\\n', '\\u002b', '\\u0000', '\\/', '=', '==', '%2B', '%3d', '%', '%4', '*', 'é', '\n', '\0', ',', ']',
  '}', '[', '{', ':', 'data:', ';base64,', 'A'.repeat(60), ' ', 'null', '"data:;base64,SGk="'
]

/** Decodes a text at the place of an image by simple rules. Returns null for a text that is no image. */
function decode (text: string, isBareAccepted: boolean): Buffer | null | 'fault' {
  const head = /^\s*data:[^,]*;base64,/i.exec(text.slice(0, 1000))
  if (!head && !(isBareAccepted && /^[\w+/-]{48}/.test(text))) return null
  const base64 = text.slice(head?.[0].length ?? 0)
    .replace(/%([0-7][0-9a-f])/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
    .replace(/[ \t\r\n\f\v]/g, '')
  const digits = /^([\w+/-]*)={0,2}$/.exec(base64)?.[1]
  return digits === undefined || digits.length % 4 === 1 ? 'fault' : Buffer.from(digits, 'base64')
}

/** Replaces each image of a value by its bytes, as the reader saves them. */
function expected (value: any, place: Place | undefined, add: (bytes: Buffer | 'fault') => void): unknown {
  if (typeof value === 'string') {
    const bytes = place?.image === undefined ? null : decode(value, place.image === 'base64')
    if (bytes === null) return value
    add(bytes)
    return 'an image'
  }
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(item => expected(item, place?.items, add))
  return Object.fromEntries(Object.entries(value).map(([name, inner]) =>
    [name, expected(inner, place?.members?.get(name) ?? place?.others, add)]))
}

function randomUri (below: Below): string {
  const bytes = Buffer.from(Array.from({ length: below(4) === 0 ? below(9000) : below(60) }, () => below(256)))
  const base64 = bytes.toString(pick(['base64', 'base64url'], below))
  return pick(HEADS, below) + pick([
    base64, base64.replaceAll('=', ''), encodeURIComponent(base64), base64.replace(/.{76}/g, '$&\r\n'), `${base64}!`
  ], below)
}

type BodyOf = (uri: () => string) => unknown
const chatOf: BodyOf = uri => ({
  message: uri(), images: [uri(), uri()], history_images: [uri()], history: [{ images: [uri()] }]
})
const completionOf: BodyOf = uri => ({
  messages: [
    {
      content: [
        uri(), { type: 'text', text: uri() }, { image_url: { url: uri(), detail: uri() } }, { image_url: uri() }
      ]
    },
    { content: uri(), images: [uri()], tool_calls: [{ function: { arguments: uri() } }] }
  ],
  tools: [{ url: uri() }]
})
const BODIES: Array<[Place, BodyOf]> = [[CHAT_PLACES, chatOf], [COMPLETION_PLACES, completionOf]]

/** Writes JSON with escapes where none are needed. */
const escaped = (text: string, below: Below) => text.replace(/[+/=A]/g, character => below(20) === 0
  ? character === '/' ? '\\/' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  : character)

const REPEATED = /an object has the name ".*" twice/

/** What a reader makes of a body: its value and its images, or the code of a refusal. */
type Outcome = { value: unknown, images: Buffer[] } | { code: string, sentence: string }

/** Parses the whole body first and decodes the images then. Returns all codes of refusals that are right. */
function readPlainly (bytes: Buffer, place: Place): Outcome | { codes: string[] } {
  let parsed: unknown
  try {
    parsed = JSON.parse(bytes.toString())
  } catch {
    // The fault of an image may come before the fault of the JSON.
    return { codes: ['INVALID_JSON', 'INVALID_FIELD'] }
  }
  const images: Array<Buffer | 'fault'> = []
  const value = expected(parsed, place, bytes => images.push(bytes))
  return images.includes('fault') ? { codes: ['INVALID_FIELD'] } : { value, images: images as Buffer[] }
}

async function readInPieces (dir: string, pieces: Buffer[], place: Place): Promise<Outcome> {
  const { work, upload } = createUpload(dir, { maxImages: 64 })
  try {
    const body = await readJsonBody(Readable.from(pieces), { upload, place, maxBytes: 1_000_000 }, work.signal)
    const references: string[] = []
    const value = JSON.parse(JSON.stringify(body), (_name, inner) => {
      if (typeof inner !== 'string' || !/\{[0-9a-f-]{36}\}$/.test(inner)) return inner
      references.push(inner)
      return 'an image'
    })
    await upload.saveSources(references.map(uri => ({ field: 'x', uri, remote: false })))
    return { value, images: upload.images.map(file => readFileSync(file.path)) }
  } catch (error) {
    if (!(error instanceof SightlineError)) throw error
    return { code: error.code, sentence: error.message }
  } finally {
    await work.end()
  }
}

t.test('damaged JSON with images, cut anywhere, is read as if it were parsed first and decoded then', async t => {
  const dir = t.testdir()
  const counts = { read: 0, refused: 0 }
  await fuzz(t, 1500, async below => {
    const [place, bodyOf] = pick(BODIES, below)
    const good = escaped(JSON.stringify(bodyOf(() => randomUri(below)), null, pick([undefined, 2], below)), below)
    const bytes = Buffer.from(below(2) === 0 ? good : mutateText(good, WORDS, below))
    const places = Array.from({ length: below(5) }, () => below(bytes.length + 1)).sort((a, b) => a - b)
    const wanted = readPlainly(bytes, place)
    const got = await readInPieces(dir, cutAt(bytes, ...places), place)
    counts['code' in got ? 'refused' : 'read']++
    // JSON.parse accepts a name twice.
    if ('code' in got && REPEATED.test(got.sentence)) return
    const isRight = 'codes' in wanted
      ? 'code' in got && wanted.codes.includes(got.code)
      : JSON.stringify(got) === JSON.stringify(wanted)
    if (!isRight) throw new Error(`${JSON.stringify(got)} for ${show(bytes.toString())}`)
  })
  t.comment(counts)
  t.ok(Math.min(counts.read, counts.refused) > 100, 'many are read, and many are refused')
})
