import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { validate } from 'dockerfile-utils'
import * as models from 'kubernetes-models'
import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { EnvironmentSchema, loadConfig } from '../../config/config.ts'
import { ROOT } from '../../config/root.ts'
import { ask, createTestEngine, drawShape, startService } from '../helper.ts'

const read = (...parts: string[]) => readFileSync(path.join(ROOT, ...parts), 'utf8')
const SETTINGS = Object.keys(EnvironmentSchema.properties)
/** Environment variables of an image that are not settings of the service. */
const FOREIGN = /^(NODE_ENV|NVIDIA_\w+)$/

interface Manifest { apiVersion: string, kind: string, metadata: { name: string } }
type Json = Record<string, any>
const KUBERNETES = path.join('deploy', 'kubernetes')
const manifests = readdirSync(path.join(ROOT, KUBERNETES)).filter(file => file !== 'kustomization.yaml')
  .flatMap(file => parseAllDocuments(read(KUBERNETES, file)).map(document => document.toJS() as Manifest & Json))
const manifest = (kind: string): Json => manifests.find(it => it.kind === kind)!

t.test('the manifests are valid by the schemas of Kubernetes', async t => {
  for (const it of manifests) {
    const [version, group] = it.apiVersion.split('/').reverse()
    const versions = group === undefined ? models as unknown as Json : (models as unknown as Json)[group]
    const Class = versions[version!]?.[it.kind]
    t.ok(Class, `${it.apiVersion} ${it.kind} is known`)
    t.doesNotThrow(() => new Class(it).validate(), `${it.kind} ${it.metadata.name}`)
  }
  t.throws(
    () => new models.v1.Service({ spec: { ports: [{ port: 'http' as never }] } }).validate(),
    'the validation finds an invalid manifest'
  )
})

t.test('settings, probes, ports and metrics in the manifests exist in the service', async t => {
  const { containers: [container], ...pod } = manifest('Deployment').spec.template.spec
  for (const name of Object.keys({ ...manifest('ConfigMap').data, ...manifest('Secret').stringData })) {
    t.ok(SETTINGS.includes(name), name)
  }
  const graceSeconds = Number(manifest('ConfigMap').data.SHUTDOWN_GRACE)
  t.ok(pod.terminationGracePeriodSeconds >= graceSeconds + container.lifecycle.preStop.sleep.seconds + 10)
  t.same(container.volumeMounts.map((it: Json) => it.name).sort(), pod.volumes.map((it: Json) => it.name).sort())
  const { url, app } = await startService(t, {}, await createTestEngine(t))
  for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
    const { path, port } = container[probe].httpGet
    t.equal((await fetch(url + path)).status, 200, probe)
    t.equal(port, container.ports[0].name)
  }
  t.equal(manifest('Service').spec.ports[0].targetPort, container.ports[0].name)

  // The dashboard and the autoscaler use only metrics that exist.
  await ask(url, { message: 'Hi' }, [await drawShape('circle', 'red', 'white')])
  const figures = await app.metrics.text()
  const dashboard = JSON.parse(
    read('deploy', 'grafana', 'dashboards', 'sightline.json')
  ) as { panels: Array<{ targets: Array<{ expr: string }> }> }
  const asked = dashboard.panels.flatMap(({ targets }) =>
    targets.flatMap(({ expr }) => expr.match(/\b(sightline|process)_\w+/g) ?? []))
  asked.push(manifest('HorizontalPodAutoscaler').spec.metrics[0].pods.metric.name)
  t.ok(asked.length > 20)
  for (const name of new Set(asked)) t.match(figures, new RegExp(`^${name}[{ ]`, 'm'), name)
})

t.test('the Dockerfile is valid, its settings exist, and so do the files that it copies', async t => {
  const text = read('Dockerfile')
  t.same(validate(text).map(({ message }) => message), [])
  const names = [...text.matchAll(/^ENV (.*)$/gm)].flatMap(([, line]) => line!.match(/\w+(?==)/g) ?? [])
  t.ok(names.length > 5)
  for (const name of names) t.ok(SETTINGS.includes(name) || FOREIGN.test(name), name)

  for (const [, source] of text.matchAll(/^COPY --from=build-\w+ \/app\/(\S+) /gm)) {
    if (!['node_modules', 'dist'].includes(source!)) t.ok(existsSync(path.join(ROOT, source!)), `${source} exists`)
  }
})

t.test('compose.yaml passes existing settings and mounts existing files', async t => {
  const { services } = parse(read('compose.yaml'), { merge: true }) as { services: Record<string, Json> }
  for (const name of ['sightline', 'sightline-gpu']) {
    const service = services[name]!
    for (const setting of Object.keys(service.environment)) t.ok(SETTINGS.includes(setting), setting)
    t.match(service, { read_only: true, cap_drop: ['ALL'], build: { target: /^(cpu|cuda)$/ } })
    t.match(read('Dockerfile'), new RegExp(`AS ${service.build.target}$`, 'm'))
  }
  for (const { volumes = [] } of Object.values(services)) {
    for (const volume of volumes as string[]) {
      const source = volume.split(':')[0]!
      if (source.startsWith('./')) t.ok(existsSync(path.join(ROOT, source)), `${source} exists`)
    }
  }
})

t.test('nothing is open by accident', async t => {
  const { services } = parse(read('compose.yaml'), { merge: true }) as { services: Record<string, Json> }
  const ports = Object.values(services).flatMap(({ ports = [] }) => ports as string[])
  t.ok(ports.length > 1)
  for (const port of ports) t.match(port, /^127\.0\.0\.1:/, 'only this machine reaches a published port')
  const { API_KEYS } = manifest('Secret').stringData
  t.throws(() => loadConfig({ API_KEYS }), /^API_KEYS: key 1 must have/, 'the placeholder is no key')
})
