import { randomBytes } from 'node:crypto'
import sharp from 'sharp'
import t from 'tap'
import { decodeDataUri } from '../../../services/uploads/data-uri.ts'

const NO_URI = {
  code: 'INVALID_FIELD',
  statusCode: 400,
  message: 'Field "images[1]" must be a data URI in base64 (data:image/png;base64,…)'
}
const NO_BASE64 =
  { code: 'INVALID_FIELD', statusCode: 400, message: 'Field "images[1]" contains characters that are not base64' }
const decode = (uri: unknown) => decodeDataUri(uri, 'images[1]')

t.test('decodes an image', async t => {
  const png = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } }).png().toBuffer()
  t.ok(decode(`data:image/png;base64,${png.toString('base64')}`).equals(png))
})

t.test('decodes any bytes of any length, in both alphabets, with and without padding', async t => {
  for (let length = 0; length < 70; length++) {
    const bytes = randomBytes(length)
    const text = bytes.toString('base64')
    t.ok(decode(`data:image/webp;base64,${text}`).equals(bytes), `${length} bytes`)
    t.ok(decode(`data:image/webp;base64,${text.replaceAll('=', '')}`).equals(bytes), 'without padding')
    t.ok(decode(`data:image/webp;base64,${bytes.toString('base64url')}`).equals(bytes), 'as base64url')
  }
})

t.test('ignores the media type', async t => {
  for (const head of [
    'data:;base64,', 'data:image/svg+xml;base64,', 'data:text/html;charset=utf-8;base64,', 'DATA:IMAGE/PNG;BASE64,',
    'data:application/vnd.x-y.z;base64,', 'data:image/png;name=a.png;x=1;base64,'
  ]) {
    t.equal(decode(`${head}SGk=`).toString(), 'Hi', head)
  }
})

t.test('skips line breaks of encoders', async t => {
  t.equal(decode('data:image/png;base64,SG\r\nVs\n bG\t8=\n').toString(), 'Hello')
})

t.test('refuses other texts than data URIs in base64', async t => {
  const others = [
    undefined, null, 5, true, {}, [], ['data:image/png;base64,SGk='], '',
    'SGk=', 'http://example.com/cat.png', 'file:///etc/passwd', '/etc/passwd',
    'data:image/png,SGk=', 'data:image/png;charset=utf-8,SGk=', 'data:image/png;base64', 'data:image/png;base64SGk=',
    ' data:image/png;base64,SGk=', 'xdata:image/png;base64,SGk=', 'data:image/png;base64 ,SGk=', 'data:<b>;base64,SGk=',
    `data:image/${'x'.repeat(300)};base64,SGk=`
  ]
  for (const uri of others) t.throws(() => decode(uri), NO_URI, JSON.stringify(uri)?.slice(0, 60))
})

t.test('refuses characters that are not base64', async t => {
  for (const text of ['SGk=!', 'SG%6B', 'SGk*', 'S=Gk', 'SGk===', '中文', 'SGk=\0', 'SGk=,SGk=']) {
    t.throws(() => decode(`data:image/png;base64,${text}`), NO_BASE64, JSON.stringify(text))
  }
})

t.test('returns no bytes for an empty image', async t => {
  t.equal(decode('data:image/png;base64,').length, 0)
})

t.test('needs time in proportion to the length', async t => {
  const hostile = [
    `data:${';a'.repeat(1_000_000)}`, `data:${'a'.repeat(2_000_000)}`, `data:image/png;base64,${'='.repeat(2_000_000)}`,
    `data:image/png;base64,${'A'.repeat(4_000_000)}!`
  ]
  const started = performance.now()
  for (const uri of hostile) t.throws(() => decode(uri), { code: 'INVALID_FIELD' })
  t.ok(performance.now() - started < 2000)
})
