import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { launch, start } from './server-process.ts'

// What keeps the service from starting: the settings, the state of the machine, the only sentence, the exit code 1.

interface Fault {
  name: string
  env: (dir: string) => Record<string, string>
  sentence: (dir: string) => string
}

/** Nobody but root may write to these folders, and root may write everywhere. */
const isRoot = process.getuid?.() === 0
const faults: Fault[] = [
  {
    name: 'a folder that the system does not allow',
    env: () => ({ UPLOAD_DIR: '/proc/uploads' }),
    sentence: () => 'UPLOAD_DIR=/proc/uploads cannot be used: UPLOAD_DIR cannot be created'
  },
  {
    name: 'folders that the system does not allow',
    env: () => ({ UPLOAD_DIR: '/proc/a/b/uploads' }),
    sentence: () => 'UPLOAD_DIR=/proc/a/b/uploads cannot be used: UPLOAD_DIR cannot be created'
  },
  {
    name: 'a file in place of the folder',
    env: dir => {
      writeFileSync(path.join(dir, 'file'), '')
      return { UPLOAD_DIR: path.join(dir, 'file') }
    },
    sentence: dir => `UPLOAD_DIR=${dir}/file cannot be used: UPLOAD_DIR is not a folder`
  },
  {
    name: 'a file in place of the parent folder',
    env: dir => {
      writeFileSync(path.join(dir, 'file'), '')
      return { UPLOAD_DIR: path.join(dir, 'file/uploads') }
    },
    sentence: dir => `UPLOAD_DIR=${dir}/file/uploads cannot be used: UPLOAD_DIR is not a folder`
  },
  {
    name: 'an address of another machine',
    env: dir => ({ UPLOAD_DIR: dir, HOST: '192.0.2.1' }),
    sentence: () =>
      'HOST=192.0.2.1 is no address of this machine: set 127.0.0.1, 0.0.0.0 or an address of this machine'
  },
  {
    name: 'an unknown name',
    env: dir => ({ UPLOAD_DIR: dir, HOST: 'no-such-host.invalid' }),
    sentence: () =>
      'HOST=no-such-host.invalid is no address of this machine: set 127.0.0.1, 0.0.0.0 or an address of this machine'
  }
]
if (!isRoot) {
  faults.push({
    name: 'a folder that is closed to the service',
    env: dir => {
      mkdirSync(path.join(dir, 'closed'))
      chmodSync(path.join(dir, 'closed'), 0o500)
      return { UPLOAD_DIR: path.join(dir, 'closed') }
    },
    sentence: dir => `UPLOAD_DIR=${dir}/closed cannot be used: the service has no permission to write to UPLOAD_DIR`
  })
}

/** The reasons of all lines that say that the service cannot start. */
function reasonsIn (output: string): string[] {
  return output.split('\n').filter(line => line.includes('"service cannot start"')).map(line => JSON.parse(line).reason)
}

for (const { name, env, sentence } of faults) {
  t.test(name, async t => {
    const dir = t.testdir({})
    const server = launch(t, env(dir))
    t.match(await server.exited, { code: 1 })
    t.same(reasonsIn(server.output()), [sentence(dir)])
    t.notMatch(server.output(), /\bat .*:\d+:\d+/, 'no stack')
  })
}

t.test('a port in use', async t => {
  const server = await start(t, { UPLOAD_DIR: path.join(t.testdir({}), 'uploads') })
  const second = launch(t, { PORT: String(server.port), UPLOAD_DIR: path.join(t.testdir({}), 'other') })
  t.match(await second.exited, { code: 1 })
  t.same(reasonsIn(second.output()), [
    `PORT=${server.port} is in use on 127.0.0.1: stop the program that uses it, or set another PORT`
  ])
})

t.test('warnings of a start that succeeds', async t => {
  const dir = path.join(t.testdir({}), 'a/b/uploads')
  const server = await start(t, {
    UPLOAD_DIR: dir, MAX_IMAGE: '4', MAX_FILE_SIZE_MB: '100', MAX_CONCURRENT_REQUESTS: '2'
  })
  t.match(server.output(), /"name":"MAX_IMAGE","meant":"MAX_IMAGES","msg":"unknown setting, a similar one exists"/)
  t.same(readdirSync(dir), [], 'the folder was created, and the trial left nothing')
  server.child.kill('SIGTERM')
  t.match(await server.exited, { code: 0 })
  t.match(server.output(), /"msg":"service stopped"\}\n$/)
})
