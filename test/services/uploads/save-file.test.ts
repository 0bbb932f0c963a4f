import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import t from 'tap'
import { saveFile } from '../../../services/uploads/save-file.ts'

const never = new AbortController().signal
const sha256 = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** Returns a stream of these chunks, which fails at an error in the list. */
function chunks (...parts: Array<Buffer | Error>): Readable {
  return Readable.from((async function * () {
    for (const part of parts) {
      if (part instanceof Error) throw part
      yield part
    }
  })())
}

t.test('writes the bytes, counts them and returns their hash', async t => {
  const file = path.join(t.testdir(), '0.upload')
  const png = await sharp({ create: { width: 64, height: 64, channels: 3, background: 'teal' } }).png().toBuffer()
  t.strictSame(await saveFile(chunks(png), file, never), { bytes: png.length, id: sha256(png) })
  t.ok(readFileSync(file).equals(png))
})

t.test('returns the same hash for any size of chunks', async t => {
  const dir = t.testdir()
  const bytes = randomBytes(300_000)
  const parts = [bytes.subarray(0, 1), bytes.subarray(1, 1), bytes.subarray(1, 70_000), bytes.subarray(70_000)]
  const expected = { bytes: bytes.length, id: sha256(bytes) }
  t.strictSame(await saveFile(chunks(...parts), path.join(dir, 'a'), never), expected)
  t.strictSame(await saveFile(chunks(bytes), path.join(dir, 'b'), never), expected)
  t.ok(readFileSync(path.join(dir, 'a')).equals(bytes))
})

t.test('hashes an empty file', async t => {
  const file = path.join(t.testdir(), 'a')
  t.strictSame(await saveFile(chunks(), file, never), {
    bytes: 0, id: 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
  })
  t.equal(statSync(file).size, 0)
})

t.test('makes the file readable for its owner only', { skip: process.platform === 'win32' }, async t => {
  const file = path.join(t.testdir(), 'a')
  await saveFile(chunks(Buffer.from('x')), file, never)
  t.equal(statSync(file).mode & 0o777, 0o600)
})

t.test('never overwrites a file', async t => {
  const file = path.join(t.testdir({ a: 'before' }), 'a')
  await t.rejects(saveFile(chunks(Buffer.from('after')), file, never), {
    code: 'STORAGE', statusCode: 507, message: 'The upload could not be stored: EEXIST'
  })
  t.equal(readFileSync(file, 'utf8'), 'before')
})

t.test('applies backpressure of the disk to the source', async t => {
  const file = path.join(t.testdir(), 'a')
  let ahead = 0
  let most = 0
  async function * source () {
    for (let i = 0; i < 64; i++) {
      ahead += 1024 * 1024
      most = Math.max(most, ahead - (existsSync(file) ? statSync(file).size : 0))
      yield Buffer.alloc(1024 * 1024, i)
    }
  }
  t.equal((await saveFile(Readable.from(source()), file, never)).bytes, 64 * 1024 * 1024)
  t.ok(most <= 8 * 1024 * 1024, `${most} bytes were read ahead`)
})

t.test('fails with the reason of the signal, even while the source is silent', { timeout: 10_000 }, async t => {
  const dir = t.testdir()
  const reason = new Error('The client left')
  const left = new AbortController()
  const silent = new PassThrough()
  silent.write('half of it')
  const saving = saveFile(silent, path.join(dir, 'a'), left.signal)
  await sleep(20)
  left.abort(reason)
  await t.rejects(saving, reason)
  t.equal(silent.destroyed, true, 'nobody reads the rest')
  await t.rejects(
    saveFile(chunks(Buffer.from('x')), path.join(dir, 'b'), left.signal), reason, 'also if it has fired before'
  )
})

t.test('fails with the error of the source', async t => {
  const error = new Error('Unexpected end of form')
  await t.rejects(saveFile(chunks(Buffer.from('x'), error), path.join(t.testdir(), 'a'), never), error)
})

t.test('reports a disk error as a storage error without a path', async t => {
  const missing = path.join(t.testdir(), 'gone', 'a')
  await t.rejects(saveFile(chunks(Buffer.from('x')), missing, never), {
    code: 'STORAGE', statusCode: 507, message: 'The upload could not be stored: ENOENT'
  })
})

t.test('reports a full disk', async t => {
  // A full disk would need a mount, so the error of the kernel is raised within the pipeline.
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
  await t.rejects(saveFile(chunks(Buffer.from('x'), full), path.join(t.testdir(), 'a'), never),
    { code: 'STORAGE', statusCode: 507, message: 'The upload could not be stored: the disk is full' })
})

t.test('leaves no file open', { skip: process.platform !== 'linux' }, async t => {
  const open = () => readdirSync('/proc/self/fd').length
  const dir = t.testdir()
  await saveFile(chunks(Buffer.from('x')), path.join(dir, 'first'), never)
  const before = open()
  for (let i = 0; i < 20; i++) {
    await saveFile(chunks(Buffer.from('x')), path.join(dir, `${i}`), never)
    await t.rejects(saveFile(chunks(Buffer.from('x'), new Error('cut')), path.join(dir, `cut ${i}`), never))
    await t.rejects(saveFile(chunks(Buffer.from('x')), path.join(dir, `${i}`), never))
  }
  await sleep(50)
  t.ok(open() <= before + 1, `${before} before, ${open()} after`)
})
