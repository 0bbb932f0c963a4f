import type { AddressInfo } from 'node:net'
import closeWithGrace from 'close-with-grace'
import { pino } from 'pino'
import { buildApp, VERSION } from './app.ts'
import { ConfigError, compressionWarning, loadConfig, readEnvironment, type Config } from './config/config.ts'
import { createEngine } from './services/engine/create-engine.ts'
import { DEMO_NOTICE } from './services/engine/demo-notice.ts'
import { blockOtherLoaders } from './services/images/sharp.ts'

/** Time of the shutdown after the grace time of running requests, for closing the model and sending the last bytes. */
const SHUTDOWN_EXTRA_MS = 10_000

function readConfig (): Config {
  try {
    return loadConfig(readEnvironment(process.cwd()))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(`Sightline cannot start: ${error.message}`)
    process.exit(1)
  }
}

const config = readConfig()
const log = pino({
  level: config.logLevel,
  redact: ['req.headers.authorization', 'req.headers["x-api-key"]'],
  ...process.stdout.isTTY &&
    { transport: { target: 'pino-pretty', options: { translateTime: 'HH:MM:ss', ignore: 'pid,hostname' } } }
})
const warning = compressionWarning(config)
if (warning) log.warn({ reason: warning }, 'image limits contradict each other')

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
})

try {
  await app.listen({ host: config.host, port: config.port })
  await engine.ready()
} catch (error) {
  if (engine.info().state !== 'closed') {
    log.fatal({ reason: (error as Error).message }, 'service cannot start')
    await app.close()
    process.exit(1)
  }
}

if (engine.info().state === 'ready') announce()

function announce (): void {
  const { port } = app.server.address() as AddressInfo
  const { model, device, slots, contextSize, demo } = engine.info()
  const host = config.host === '0.0.0.0' ? 'localhost' : config.host
  const url = `http://${host}:${port}`
  log.info({ version: VERSION, url, model, device, slots, contextSize }, 'service ready')
  if (demo) log.warn({ notice: DEMO_NOTICE }, 'embedded demonstration model')
}
