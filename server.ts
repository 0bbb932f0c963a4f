import type { AddressInfo } from 'node:net'
import closeWithGrace from 'close-with-grace'
import { pino } from 'pino'
import { buildApp, VERSION } from './app.ts'
import { ConfigError, compressionWarning, loadConfig, readEnvironment, type Config } from './config/config.ts'
import { createEngine } from './services/engine/create-engine.ts'
import { DEMO_NOTICE } from './services/engine/demo-notice.ts'
import { blockOtherLoaders } from './services/images/sharp.ts'
import { findMisspelt } from './services/setting-names.ts'
import { listenFault, uploadFault, uploadSpaceWarning } from './services/start-faults.ts'

/** Time of the shutdown after the grace time of running requests, for closing the model and sending the last bytes. */
const SHUTDOWN_EXTRA_MS = 10_000

function readSettings (): { config: Config, env: NodeJS.ProcessEnv } {
  try {
    const env = readEnvironment(process.cwd())
    return { env, config: loadConfig(env) }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(`Sightline cannot start: ${error.message}`)
    process.exit(1)
  }
}

const { config, env } = readSettings()
const log = pino({
  level: config.logLevel,
  redact: ['req.headers.authorization', 'req.headers["x-api-key"]'],
  ...process.stdout.isTTY &&
    { transport: { target: 'pino-pretty', options: { translateTime: 'HH:MM:ss', ignore: 'pid,hostname' } } }
})
for (const { name, meant } of findMisspelt(env)) log.warn({ name, meant }, 'unknown setting, a similar one exists')
const warning = compressionWarning(config)
if (warning) log.warn({ reason: warning }, 'image limits contradict each other')
const fault = await uploadFault(config)
if (fault) stop(fault)
const spaceWarning = await uploadSpaceWarning(config)
if (spaceWarning) log.warn({ reason: spaceWarning }, 'uploads may fill the disk')

blockOtherLoaders()
const engine = createEngine(config, log)
// OpenTelemetry is only loaded if traces are exported.
const traces = config.traces &&
  (await import('./services/tracing/otlp.ts')).createTraces({ ...config.traces, version: VERSION, log })
const app = await buildApp({ config, engine, logger: log, traces })
closeWithGrace({ delay: config.shutdownGraceMs + SHUTDOWN_EXTRA_MS, logger: log }, async ({ err, signal }) => {
  if (err) log.fatal({ err }, 'unexpected error, shutting down')
  else log.info({ signal }, 'shutting down')
  await app.close()
  log.info('service stopped')
})

const reason = await listen() ?? await loadModel()
if (reason === null) announce()
// Otherwise the service was told to stop while it started.
else if (engine.info().state !== 'closed') {
  await app.close()
  stop(reason)
}

/** Returns the reason why the service cannot listen, otherwise null. */
async function listen (): Promise<string | null> {
  try {
    await app.listen({ host: config.host, port: config.port })
    return null
  } catch (error) {
    return listenFault(error, config)
  }
}

/** Returns the reason why the model cannot be loaded, otherwise null. */
async function loadModel (): Promise<string | null> {
  try {
    await engine.ready()
    return null
  } catch (error) {
    return (error as Error).message
  }
}

function stop (reason: string): never {
  log.fatal({ reason }, 'service cannot start')
  process.exit(1)
}

function announce (): void {
  const { port } = app.server.address() as AddressInfo
  const { model, device, slots, contextSize, demo } = engine.info()
  const host = config.host === '0.0.0.0' ? 'localhost' : config.host
  const url = `http://${host}:${port}`
  log.info({ version: VERSION, url, model, device, slots, contextSize }, 'service ready')
  if (demo) log.warn({ notice: DEMO_NOTICE }, 'embedded demonstration model')
}
