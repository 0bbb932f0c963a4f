import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { ROOT } from '../../../config/root.ts'
import { assignments, expand, ignores, type Stage } from './dockerfile.ts'

/** The root folder of a stage, and the environment for its commands. */
export interface Root { folder: string, env: Record<string, string>, workdir: string }

const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const DEBIAN = '/usr/share/keyrings/debian-archive-keyring.gpg'
const UBUNTU = '/usr/share/keyrings/ubuntu-archive-keyring.gpg'
/** Script for noble, which older versions of debootstrap lack. All scripts for Ubuntu are the same. */
const LIKE_UBUNTU = '/usr/share/debootstrap/scripts/jammy'
/** Contents of the base images, as far as the Dockerfile needs them. */
const BASES: Array<{
  image: RegExp
  suite: string
  mirror: string
  keyring: string
  packages: string
  script?: string
}> = [
  {
    image: /^node:(\d+)-bookworm-slim$/,
    suite: 'bookworm',
    mirror: 'http://deb.debian.org/debian',
    keyring: DEBIAN,
    packages: 'ca-certificates'
  },
  {
    image: /^node:(\d+)-bookworm$/,
    suite: 'bookworm',
    mirror: 'http://deb.debian.org/debian',
    keyring: DEBIAN,
    packages: 'ca-certificates,g++,git,make,python3'
  },
  {
    image: /^nvidia\/cuda:.*-ubuntu24\.04$/,
    suite: 'noble',
    mirror: 'http://archive.ubuntu.com/ubuntu',
    keyring: UBUNTU,
    packages: 'ca-certificates',
    script: LIKE_UBUNTU
  }
]

/** Instructions that do not change the root. */
const IGNORED = ['USER', 'EXPOSE', 'VOLUME', 'HEALTHCHECK', 'CMD']

const run = (command: string, args: string[], options = {}) =>
  execFileSync(command, args, { stdio: 'inherit', ...options })

/**
 * Makes a replacement for a base image: a clean root by debootstrap, with Node from its npm package and without
 * NVIDIA's libraries. It is kept in `bases/` for the next run.
 */
export function baseRoot (image: string, work: string): Root {
  const base = BASES.find(it => it.image.test(image))
  if (!base) throw new Error(`there is no replacement for the base image ${image}`)
  const folder = path.join(work, 'bases', image.replace(/\W/g, '-'))
  if (!existsSync(path.join(folder, 'complete'))) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    run('debootstrap', [
      '--variant=minbase', `--include=${base.packages}`, `--keyring=${base.keyring}`, base.suite, folder, base.mirror,
      ...base.script ? [base.script] : []
    ])
    // The steps reach registries with this machine's resolver and certificates.
    for (const file of ['/etc/resolv.conf', CERTIFICATES]) cpSync(file, path.join(folder, file), { dereference: true })
    const [, version] = base.image.exec(image) ?? []
    if (version) installNode(version, folder)
    run('touch', [path.join(folder, 'complete')])
  }
  return { folder, env: { PATH }, workdir: '/' }
}

function installNode (version: string, folder: string): void {
  const unpack = (name: string, target: string) => {
    mkdirSync(target, { recursive: true })
    const tarball = execFileSync('npm', ['pack', '--silent', '--pack-destination', folder, name], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .at(-1)!
    run('tar', ['xzf', path.join(folder, tarball), '-C', target, '--strip-components=1', '--no-same-owner'])
    rmSync(path.join(folder, tarball))
  }
  const modules = path.join(folder, 'usr/local/lib/node_modules')
  unpack(`node-linux-${process.arch}@${version}`, path.join(modules, 'node'))
  unpack('npm@10', path.join(modules, 'npm'))
  cpSync(path.join(modules, 'node/bin/node'), path.join(folder, 'usr/local/bin/node'))
  for (const tool of ['npm', 'npx']) {
    run('ln', ['-s', `../lib/node_modules/npm/bin/${tool}-cli.js`, path.join(folder, 'usr/local/bin', tool)])
  }
}

/**
 * Executes the instructions of a stage.
 * @param skip a RUN that contains this text is skipped, with a message
 * @throws Error when a step fails
 */
export function executeStage (stage: Stage, base: Root, roots: Map<string, Root>, work: string, skip?: string): Root {
  const folder = path.join(work, 'stages', stage.name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(path.dirname(folder), { recursive: true })
  run('cp', ['--archive', '--reflink=auto', base.folder, folder])
  const root: Root = { folder, env: { ...base.env }, workdir: base.workdir }
  for (const { word, rest } of stage.instructions) {
    console.log(`\n[${stage.name}] ${word} ${rest}`)
    if (word === 'ENV' || word === 'ARG') Object.assign(root.env, assignments(expand(rest, root.env)))
    else if (word === 'WORKDIR') mkdirSync(path.join(folder, root.workdir = rest), { recursive: true })
    else if (word === 'COPY') copy(rest, root, roots)
    else if (word === 'RUN') {
      if (skip !== undefined && rest.includes(skip)) console.log('  skipped: its package source cannot be reached')
      else inside(root, rest)
    } else if (!IGNORED.includes(word)) throw new Error(`unknown instruction: ${word}`)
  }
  return root
}

function inside (root: Root, command: string): void {
  const proxies = Object.fromEntries(Object.entries(process.env).filter(([name]) =>
    /^npm_config_(registry|proxy|https_proxy)$|^https?_proxy$/i.test(name)))
  const env =
    { HOME: '/root', ...proxies, NODE_EXTRA_CA_CERTS: CERTIFICATES, npm_config_cafile: CERTIFICATES, ...root.env }
  const script = 'mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"; exec chroot "$1" sh -c "cd $2; $3"'
  run('unshare', [
    '--mount', '--pid', '--fork', '--kill-child', 'sh', '-ec', script, 'sh', root.folder, root.workdir, command
  ], { env })
}

function copy (rest: string, root: Root, roots: Map<string, Root>): void {
  const [, stage] = /^--from=(\S+) /.exec(rest) ?? []
  const places = rest.replace(/^--from=\S+ /, '').split(' ')
  const into = path.join(root.folder, path.resolve(root.workdir, places.at(-1)!))
  const isFolder = places.at(-1)!.endsWith('/') || places.at(-1) === '.'
  const context = stage === undefined ? ROOT : roots.get(stage)!.folder
  const isIgnored = stage === undefined ? ignores(readFileSync(path.join(ROOT, '.dockerignore'), 'utf8')) : () => false
  for (const place of places.slice(0, -1)) {
    const from = path.join(context, place)
    const to = isFolder && place !== '.' ? path.join(into, path.basename(place)) : into
    cpSync(
      from, to,
      { recursive: true, verbatimSymlinks: true, filter: source => !isIgnored(path.relative(context, source)) }
    )
  }
}
