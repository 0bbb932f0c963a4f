import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { ROOT } from '../../config/root.ts'
import { assignments, ignores, readDockerfile } from '../../tools/scripts/image/dockerfile.ts'

const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8')

t.test('both targets are built from existing stages, or from an image with a tag', async t => {
  const stages = readDockerfile(read('Dockerfile'), {})
  t.equal(stages.at(-1)!.name, 'cpu', 'docker build makes the last stage by default')
  t.ok(stages.some(({ name }) => name === 'cuda'))
  for (const [index, { base, instructions }] of stages.entries()) {
    const earlier = stages.slice(0, index).map(({ name }) => name)
    const sources = instructions.flatMap(({ rest }) => /^--from=(\S+)/.exec(rest)?.[1] ?? [])
    for (const name of [base, ...sources]) t.ok(earlier.includes(name) || /:\S+$/.test(name), name)
  }
})

t.test('both targets end with the same steps', async t => {
  const [cpu, cuda] = ['cpu', 'cuda'].map(target => {
    const { instructions } = readDockerfile(read('Dockerfile'), {}).find(({ name }) => name === target)!
    const from = instructions.findIndex(({ word }) => word === 'WORKDIR')
    return instructions.slice(from).map(({ word, rest }) => `${word} ${rest.replace(`build-${target}`, 'build')}`)
  })
  t.same(cuda, cpu)
})

t.test('the parser reads comments, arguments, continued lines and quoted values', async t => {
  const [stage] =
    readDockerfile('ARG A=1\n# a comment\nFROM node:$' + '{A} AS one\nRUN a \\\n  && b\nENV X="1 2" Y=3\n', { A: '2' })
  t.strictSame(stage, {
    name: 'one', base: 'node:2', instructions: [{ word: 'RUN', rest: 'a && b' }, { word: 'ENV', rest: 'X="1 2" Y=3' }]
  })
  t.strictSame(assignments('X="1 2" Y=3'), { X: '1 2', Y: '3' })
  t.throws(() => readDockerfile('FROM node:2\n', {}), /no name/)
})

t.test('the build context contains the sources, and neither secrets nor downloaded models', async t => {
  const isIgnored = ignores(read('.dockerignore'))
  for (const file of [
    '.env', '.git/config', 'node_modules/x', 'native/build/x', 'models/big.gguf', 'uploads/x', 'test/x'
  ]) t.ok(isIgnored(file), file)
  for (const file of [
    '', '.env.example', 'server.ts', 'models', 'models/presets.ts', 'models/demo/examples/00.png', 'native/src/step.cc',
    'deploy/healthcheck.mjs'
  ]) t.notOk(isIgnored(file), file)
})
