import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync
} from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createUploadStore, type UploadStore } from '../../services/upload-store.ts'

const FOREIGN_AGE_MS = 60_000
const UNIQUE = '0123456789abcdef'
const STORE = new URL('../../services/upload-store.ts', import.meta.url).href
const { platform } = process
const onLinux = platform === 'linux' ? {} : { skip: 'needs /proc' }

const openStore = (dir: string) => createUploadStore({ dir, foreignAgeMs: FOREIGN_AGE_MS })

/** Returns the prefix of the names of folders of this host. */
async function ownHost (t: Test): Promise<string> {
  const folder = await openStore(t.testdir({})).open('x')
  await folder.remove()
  return path.basename(folder.path).split('-')[0]!
}

/** Starts a process that opens a folder with the real store, writes an image to it and keeps running. */
async function spawnOwner (t: Test, dir: string): Promise<{ child: ChildProcess, folder: string }> {
  const code = `
    import { writeFileSync } from 'node:fs'
    import { createUploadStore } from ${JSON.stringify(STORE)}
    process.title = 'a) R 1 (b'
    const folder = await createUploadStore({ dir: ${JSON.stringify(dir)}, foreignAgeMs: 1 }).open('neighbour')
    writeFileSync(folder.file(0, 'jpg'), 'pixels')
    console.log(folder.path)
    setInterval(() => {}, 1000)`
  const child = spawn(
    process.execPath, [...process.execArgv, '--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] }
  )
  t.teardown(() => child.kill('SIGKILL'))
  const [folder] = await once(createInterface({ input: child.stdout }), 'line') as [string]
  return { child, folder }
}

async function kill (child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

/** Creates a store whose file system functions are replaced. */
async function mockStore (t: Test, replacement: object): Promise<UploadStore> {
  const promises = { ...await import('node:fs/promises'), ...replacement }
  const mocked = await t.mockImport<typeof import('../../services/upload-store.ts')>('../../services/upload-store.ts', {
    'node:fs/promises': promises
  })
  return mocked.createUploadStore({ dir: t.testdir({}), foreignAgeMs: FOREIGN_AGE_MS })
}

function stale (folder: string): void {
  const then = new Date(Date.now() - 2 * FOREIGN_AGE_MS)
  utimesSync(folder, then, then)
}

t.test('opens a folder for its owner only, named after the process and the request', async t => {
  const dir = path.join(t.testdir({}), 'not', 'there')
  const store = openStore(dir)
  const folder = await store.open('req-1')
  t.equal(path.dirname(folder.path), dir)
  t.match(path.basename(folder.path), new RegExp(`^[A-Za-z0-9.]+-${process.pid}-\\d+-req-1_[0-9a-f]{16}$`))
  t.equal(path.basename(folder.path).split('-')[0], os.hostname().replace(/[^A-Za-z0-9.]/g, '.').slice(0, 64))
  if (platform !== 'win32') t.equal(statSync(folder.path).mode & 0o777, 0o700)
  t.equal(store.count(), 1)
})

t.test('chooses the names of files', async t => {
  const folder = await openStore(t.testdir({})).open('a')
  t.equal(folder.file(0, 'jpg'), path.join(folder.path, '0.jpg'))
  t.equal(folder.file(12, '../../../etc/passwd'), path.join(folder.path, '12.etcpasswd'))
})

t.test('two requests with the same id do not share a folder', async t => {
  const store = openStore(t.testdir({}))
  const folders = await Promise.all(Array.from({ length: 20 }, () => store.open('same')))
  t.equal(new Set(folders.map(folder => folder.path)).size, 20)
  t.equal(store.count(), 20)
})

t.test('a hostile id cannot leave the folder', async t => {
  const dir = t.testdir({ uploads: {} })
  const uploads = path.join(dir, 'uploads')
  const store = openStore(uploads)
  for (const id of [
    '../../etc', '/etc/passwd', '..', '', '\0', 'a/b\\c', '图片', 'x'.repeat(10_000), '-rf', '%2e%2e%2f'
  ]) {
    const folder = await store.open(id)
    t.equal(path.dirname(folder.path), uploads, JSON.stringify(id.slice(0, 20)))
    t.match(path.basename(folder.path), /^[A-Za-z0-9.]+-\d+-\d+-[A-Za-z0-9_-]{1,64}_[0-9a-f]{16}$/)
    await folder.remove()
  }
  t.strictSame(readdirSync(uploads), [])
  t.strictSame(readdirSync(dir), ['uploads'])
})

t.test('remove counts originals and compressed images, and leaves nothing', async t => {
  const dir = t.testdir({})
  const store = openStore(dir)
  const folder = await store.open('a')
  for (const name of ['0.jpg', '0_compressed.png', '1.png', '2.webp', '2_compressed.webp']) {
    writeFileSync(path.join(folder.path, name), 'pixels')
  }
  t.strictSame(await folder.remove(), { original: 3, compressed: 2 })
  t.strictSame(readdirSync(dir), [])
  t.equal(store.count(), 0)
})

t.test('remove is idempotent, in sequence and in parallel', async t => {
  const folder = await openStore(t.testdir({})).open('a')
  writeFileSync(folder.file(0, 'jpg'), 'pixels')
  const answers = await Promise.all([folder.remove(), folder.remove(), folder.remove()])
  for (const answer of [...answers, await folder.remove()]) t.strictSame(answer, { original: 1, compressed: 0 })
})

t.test('remove tolerates that files or the folder have vanished', async t => {
  const store = openStore(t.testdir({}))
  const folder = await store.open('a')
  await rm(folder.path, { recursive: true })
  t.strictSame(await folder.remove(), { original: 0, compressed: 0 })
  const other = await store.open('b')
  for (let i = 0; i < 200; i++) writeFileSync(other.file(i, 'jpg'), 'x')
  const removing = other.remove()
  await Promise.all(Array.from({ length: 200 }, (_, i) => rm(other.file(i, 'jpg'), { force: true })))
  await removing
  t.notOk(existsSync(other.path))
  t.equal(store.count(), 0)
})

t.test('remove succeeds while files are still being written', async t => {
  const store = openStore(t.testdir({}))
  const folder = await store.open('a')
  const until = performance.now() + 120
  const writer = (async () => {
    for (let i = 0; performance.now() < until; i++) {
      await writeFile(folder.file(i, 'jpg'), 'x'.repeat(10_000)).catch(
        () => {}
      )
    }
  })()
  await sleep(20)
  await folder.remove()
  await writer
  t.notOk(existsSync(folder.path))
  t.equal(store.count(), 0)
})

t.test('after a failed remove the folder still counts, and the next call tries again', async t => {
  const failures = [Object.assign(new Error('busy'), { code: 'EBUSY' })]
  const store = await mockStore(t, {
    rm: async (folder: string, options: object) => {
      // The first attempt removes the file.
      await rm(path.join(folder, '0.jpg'), { force: true })
      const failure = failures.pop()
      if (failure) throw failure
      await rm(folder, options)
    }
  })
  const folder = await store.open('a')
  writeFileSync(folder.file(0, 'jpg'), 'pixels')
  await t.rejects(folder.remove(), { code: 'EBUSY' })
  t.equal(store.count(), 1)
  t.strictSame(await folder.remove(), { original: 1, compressed: 0 })
  t.equal(store.count(), 0)
})

t.test('reports why a folder cannot be created, without its path', async t => {
  const dir = t.testdir({ 'a-file': '' })
  for (const place of ['a-file', 'a-file/below']) {
    const error = await openStore(path.join(dir, place)).open('a').then(() => null, error => error)
    t.match(error, {
      code: 'STORAGE', statusCode: 507, message: 'The upload could not be stored: UPLOAD_DIR is not a folder'
    })
    t.notOk(error.message.includes(dir))
    t.match(error.cause.message, dir, 'the log may know')
  }
})

for (const [code, reason] of [
  ['ENOSPC', 'the disk is full'], ['EROFS', 'the file system is read-only'],
  ['EACCES', 'the service has no permission to write to UPLOAD_DIR'], ['EMFILE', 'EMFILE']
]) {
  t.test(`reports ${code} as "${reason}"`, async t => {
    const store = await mockStore(t, {
      mkdir: async (folder: string) => { throw Object.assign(new Error(`${code}: mkdir '${folder}'`), { code }) }
    })
    await t.rejects(store.open('a'), {
      code: 'STORAGE', statusCode: 507, message: `The upload could not be stored: ${reason}`
    })
    t.equal(store.count(), 0)
  })
}

t.test('the sweep works without a folder', async t => {
  t.equal(await openStore(path.join(t.testdir({}), 'none')).sweep(), 0)
})

t.test('the sweep keeps all folders of this process, also those of another store', async t => {
  const dir = t.testdir({})
  const folder = await openStore(dir).open('a')
  stale(folder.path)
  t.equal(await openStore(dir).sweep(), 0)
  t.ok(existsSync(folder.path))
})

t.test('the sweep keeps folders of a running process and removes them after it was killed', async t => {
  const dir = t.testdir({})
  const { child, folder } = await spawnOwner(t, dir)
  stale(folder)
  t.equal(await openStore(dir).sweep(), 0)
  t.ok(existsSync(path.join(folder, '0.jpg')))
  await kill(child)
  t.equal(await openStore(dir).sweep(), 1)
  t.strictSame(readdirSync(dir), [])
})

t.test('the sweep removes folders of an earlier process with the same id', onLinux, async t => {
  const dir = t.testdir({})
  const host = await ownHost(t)
  const { child, folder } = await spawnOwner(t, dir)
  const start = Number(path.basename(folder).split('-')[2])
  const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])
  t.ok(start > 0 && start <= uptime * 100, 'field 22, although the name of the process holds blanks and parentheses')
  // In a container the process id is always 1.
  for (const pid of [child.pid, process.pid]) mkdirSync(path.join(dir, `${host}-${pid}-${start - 1}-earlier_${UNIQUE}`))
  t.equal(await openStore(dir).sweep(), 2)
  t.strictSame(readdirSync(dir), [path.basename(folder)])
})

t.test('the sweep treats a zombie as ended', onLinux, async t => {
  const dir = t.testdir({})
  const host = await ownHost(t)
  // The shell replaces itself with `sleep`, which never waits for its child.
  const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => parent.kill('SIGKILL'))
  const [line] = await once(createInterface({ input: parent.stdout }), 'line')
  const pid = Number(line)
  const fields = () => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')
  mkdirSync(path.join(dir, `${host}-${pid}-${fields()[21]}-a_${UNIQUE}`))
  t.equal(await openStore(dir).sweep(), 0, 'while it lives')
  await sleep(100)
  process.kill(pid, 'SIGKILL')
  while (fields()[2] !== 'Z') await sleep(5)
  t.equal(await openStore(dir).sweep(), 1)
})

t.test('the sweep removes folders of other hosts only when they are old', async t => {
  const dir = t.testdir({})
  const [old, fresh] = ['0f3c', '77ab'].map(id => path.join(dir, `${id}-1-4711-request_${UNIQUE}`)) as [string, string]
  mkdirSync(old)
  mkdirSync(fresh)
  writeFileSync(path.join(old, '0.jpg'), 'pixels')
  stale(old)
  t.equal(await openStore(dir).sweep(), 1)
  t.strictSame(readdirSync(dir), [path.basename(fresh)])
})

t.test('the sweep never touches other names', async t => {
  const strange = [
    'photos', 'holiday-2024-11-12', 'holiday-2024-11-12_report', 'backup-2024-11-12_202411121030', `a-b-c-d_${UNIQUE}`,
    `host-0-1-a_${UNIQUE}`, `host-1-1-a_${UNIQUE}.bak`
  ]
  const file = `host-1-1-file_${UNIQUE}`
  const link = `host-1-1-link_${UNIQUE}`
  const dir = t.testdir({
    uploads: {
      '.gitkeep': '',
      'notes.txt': 'mine',
      [file]: 'mine',
      ...Object.fromEntries(strange.map(name => [name, { 'a.jpg': '' }]))
    },
    elsewhere: { 'a.jpg': '' }
  })
  const uploads = path.join(dir, 'uploads')
  symlinkSync(path.join(dir, 'elsewhere'), path.join(uploads, link))
  const before = readdirSync(uploads)
  for (const name of before) if (name !== link) stale(path.join(uploads, name))
  stale(path.join(dir, 'elsewhere'))
  t.equal(await openStore(uploads).sweep(), 0)
  t.strictSame(readdirSync(uploads), before)
  t.strictSame(readdirSync(path.join(dir, 'elsewhere')), ['a.jpg'])
})

t.test('one folder that cannot be removed does not stop the sweep', async t => {
  const [stuck, other] = ['1', '2'].map(start => `elsewhere-1-${start}-a_${UNIQUE}`) as [string, string]
  const store = await mockStore(t, {
    rm: async (folder: string, options: object) => {
      if (folder.endsWith(stuck)) throw Object.assign(new Error('not yours'), { code: 'EACCES' })
      await rm(folder, options)
    }
  })
  const dir = t.testdir({ [stuck]: {}, [other]: {} })
  for (const name of [stuck, other]) stale(path.join(dir, name))
  t.equal(await store.sweep(), 1)
  t.strictSame(readdirSync(dir), [stuck])
})

t.test('two parallel sweeps do not interfere', async t => {
  const dir = t.testdir({})
  for (let i = 0; i < 20; i++) {
    const folder = path.join(dir, `elsewhere-1-${i + 1}-a_${UNIQUE}`)
    mkdirSync(folder)
    for (let j = 0; j < 5; j++) writeFileSync(path.join(folder, `${j}.jpg`), 'x')
    stale(folder)
  }
  await Promise.all([openStore(dir).sweep(), openStore(dir).sweep()])
  t.strictSame(readdirSync(dir), [])
})
