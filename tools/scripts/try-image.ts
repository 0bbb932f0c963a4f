/**
 * Builds and tries an image without a Docker engine. It executes the steps of the Dockerfile in clean roots made by
 * debootstrap, and runs the result as compose.yaml does: as user 10001, without capabilities, with a read-only root and
 * uploads in a tmpfs. It needs root privileges and Debian's debootstrap, and for cuda also Ubuntu's keyring in
 * /usr/share/keyrings. NVIDIA's libraries are left out, so an image for CUDA is tried on CPUs.
 *
 *   npm run try:image -- [cpu|cuda] [folder, by default /tmp/sightline-image]
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { ROOT } from '../../config/root.ts'
import { readDockerfile, type Stage } from './image/dockerfile.ts'
import { baseRoot, executeStage, type Root } from './image/roots.ts'
import { tryImage } from './image/service.ts'

const [variant = 'cpu', work = '/tmp/sightline-image'] = process.argv.slice(2)
const stages = readDockerfile(readFileSync(path.join(ROOT, 'Dockerfile'), 'utf8'), {})

/** A stage and all stages that it is made from. */
function needs (stage: Stage): Stage[] {
  const names = [stage.base, ...stage.instructions.flatMap(({ rest }) => /^--from=(\S+)/.exec(rest)?.[1] ?? [])]
  return [stage, ...stages.filter(({ name }) => names.includes(name)).flatMap(needs)]
}

const image = stages.find(({ name }) => name === variant)
if (!image) throw new Error(`the Dockerfile has no target ${variant}`)
const needed = new Set(needs(image))
const roots = new Map<string, Root>()
for (const stage of stages.filter(it => needed.has(it))) {
  roots.set(
    stage.name, executeStage(stage, roots.get(stage.base) ?? baseRoot(stage.base, work), roots, work, 'libcublas')
  )
}
await tryImage(image, roots.get(image.name)!)
