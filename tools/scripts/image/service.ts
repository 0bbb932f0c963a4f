import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { openAsBlob, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ROOT } from '../../../config/root.ts'
import type { Stage } from './dockerfile.ts'
import type { Root } from './roots.ts'

const USER = '10001'
/** Runs a command as an unprivileged user that cannot gain privileges. */
const AS_USER = [
  'setpriv', '--reuid', USER, '--regid', USER, '--clear-groups', '--bounding-set=-all', '--inh-caps=-all',
  '--no-new-privs'
]
const PORTS = [5561, 5562] as const
const READY_WITHIN_MS = 120_000
/** Mounts and rights as in compose.yaml. Arguments: the root folder, then the command, which becomes process 1. */
const RUN = `
mount --rbind "$1" "$1" && cd "$1"
mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs dev
for it in null zero random urandom; do touch dev/$it && mount --bind /dev/$it dev/$it; done
mount -t tmpfs -o mode=0700,uid=${USER},size=1g tmpfs app/uploads
mount -t tmpfs -o mode=1777,size=64m tmpfs tmp
mount -t tmpfs -o mode=0755,uid=${USER},size=64m tmpfs models
mount -o remount,bind,ro "$1"
root=$1; shift
cd "$root" && exec chroot . ${AS_USER.join(' ')} sh -c 'cd /app && exec "$@"' sh "$@"
`

interface Container { main: number, url: string, exited: Promise<number | null>, child: ChildProcess }

/** Runs CMD and waits until HEALTHCHECK succeeds. */
async function start (image: Stage, root: Root, port: number, settings: Record<string, string>): Promise<Container> {
  const command = JSON.parse(image.instructions.find(({ word }) => word === 'CMD')!.rest) as string[]
  const child = spawn('unshare', [
    '--mount', '--pid', '--fork', '--kill-child', 'sh', '-ec', RUN, 'sh', root.folder, ...command
  ], {
    env: { ...root.env, PORT: String(port), LOG_LEVEL: 'warn', ...settings }, stdio: 'inherit'
  })
  const exited = new Promise<number | null>(resolve => child.once('exit', resolve))
  for (const deadline = Date.now() + READY_WITHIN_MS; Date.now() < deadline &&
    child.exitCode === null; await sleep(500)) {
    const main = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim())
    if (main > 0 && isHealthy(image, main, root, port)) return { main, url: `http://127.0.0.1:${port}`, exited, child }
  }
  child.kill('SIGKILL')
  throw new Error('the service did not become ready')
}

/** Runs a command in the namespaces of the service, with the same rights. */
function execute (main: number, root: Root, env: Record<string, string>, ...command: string[]) {
  return spawnSync(
    'nsenter', ['--target', String(main), '--mount', '--pid', '--root', '--wd', ...AS_USER, ...command],
    { env: { ...root.env, ...env }, encoding: 'utf8' }
  )
}

function isHealthy (image: Stage, main: number, root: Root, port: number): boolean {
  const check =
    JSON.parse(image.instructions.find(({ word }) => word === 'HEALTHCHECK')!.rest.replace(/^.* CMD /, '')) as string[]
  return execute(main, root, { PORT: String(port) }, ...check).status === 0
}

async function askAboutTwoImages (url: string): Promise<void> {
  const form = new FormData()
  form.set('message', 'Describe the images.')
  for (const name of ['00.png', '01.jpg']) {
    form.append('images', await openAsBlob(path.join(ROOT, 'models/demo/examples', name)), name)
  }
  const response = await fetch(`${url}/api/chat`, { method: 'POST', body: form })
  const answer = await response.json() as { response: string }
  console.log(`${response.status} ${answer.response}`)
  assert.match(answer.response, /blue heart.*green heart/)
}

/** HEIC needs files of libheif-js, which sharp does not load. */
async function askAboutHeic (url: string): Promise<void> {
  const form = new FormData()
  form.set('message', 'Describe the image.')
  form.append('images', await openAsBlob(path.join(ROOT, 'test/fixtures/heic/plain.heic')), 'plain.heic')
  const response = await fetch(`${url}/api/chat`, { method: 'POST', body: form })
  const { images } = await response.json() as { images: Array<{ format: string }> }
  assert.equal(images[0]!.format, 'heic')
}

const uploadsOf = ({ main }: Container) => readdirSync(`/proc/${main}/root/app/uploads`)

/**
 * Starts an image with both engines and checks answers, rights, the read-only root, metrics, page and shutdown.
 * @throws Error on the first failed check
 */
export async function tryImage (image: Stage, root: Root): Promise<void> {
  console.log('\nstarting the service with the demo model on CPUs')
  const containers: Container[] = []
  try {
    const local = await start(image, root, PORTS[0], { LLAMA_GPU: 'off' })
    containers.push(local)
    containers.push(await start(image, root, PORTS[1], { ENGINE: 'openai', ENGINE_URL: `${local.url}/v1` }))

    const status = readFileSync(`/proc/${local.main}/status`, 'utf8')
    assert.match(status, new RegExp(`^Uid:\\s+${USER}\\s`, 'm'))
    for (const set of ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb']) assert.match(status, new RegExp(`^Cap${set}:\\s+0+$`, 'm'))
    assert.match(readFileSync(`/proc/${local.main}/mounts`, 'utf8'), /^\S+ \/ \S+ ro,/m)
    console.log('healthy; user, capabilities and the read-only root are right')

    for (const { url } of containers) {
      await askAboutTwoImages(url)
      await askAboutHeic(url)
    }
    for (const { url } of containers) {
      assert.match(
        await (await fetch(`${url}/metrics`)).text(), /^sightline_requests_total\{[^}]*ending="ANSWERED"\} 1$/m
      )
    }
    assert.match(await (await fetch(local.url)).text(), /<!doctype html>/i)
    console.log('both engines answered; metrics and page are served')

    const models = execute(local.main, root, {}, 'node', '/app/dist/commands/models.js', 'list')
    assert.equal(models.status, 0, models.stderr)
    console.log(models.stdout)
  } finally {
    const endings = []
    for (const container of containers.reverse()) {
      const left = uploadsOf(container)
      process.kill(container.main, 'SIGTERM')
      endings.push({ code: await container.exited, left })
    }
    console.log('on SIGTERM', endings)
    for (const ending of endings) assert.deepEqual(ending, { code: 0, left: [] })
  }
  const size = spawnSync('du', ['-sm', path.join(root.folder, 'app')], { encoding: 'utf8' }).stdout.split('\t')[0]
  console.log(`${size} MB in /app`)
}
