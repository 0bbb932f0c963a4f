import type { AddressInfo } from 'node:net'
import closeWithGrace from 'close-with-grace'
import { pino } from 'pino'
import { buildApp, VERSION } from './app.ts'
import { ConfigError, compressionWarning, loadConfig, readEnvironment, type Config } from './config/config.ts'
import { createEngine } from './services/engine/create-engine.ts'
import { DEMO_NOTICE } from './services/engine/demo-notice.ts'
import { blockOtherLoaders } from './services/images/sharp.ts'

/** What the shutdown may take beyond the grace time of running requests: closing the model, the last bytes. */
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
if (warning) log.warn(warning)

blockOtherLoaders()
const engine = createEngine(config, log)
// Where no traces are wanted nothing of what makes them is loaded.
const traces = config.traces &&
  (await import('./services/tracing/otlp.ts')).createTraces({ ...config.traces, version: VERSION, log })
const app = await buildApp({ config, engine, logger: log, traces })
closeWithGrace({ delay: config.shutdownGraceMs + SHUTDOWN_EXTRA_MS, logger: log }, async ({ err, signal }) => {
  if (err) log.fatal({ err }, 'unexpected error, shutting down')
  else log.info({ signal }, 'shutting down')
  await app.close()
})

await app.listen({ host: config.host, port: config.port })
try {
  await engine.ready()
} catch (error) {
  if (engine.info().state !== 'closed') {
    log.fatal(`Sightline cannot start: ${(error as Error).message}`)
    await app.close()
    process.exit(1)
  }
}

if (engine.info().state === 'ready') announce()

function announce (): void {
  const { port } = app.server.address() as AddressInfo
  const { model, device, slots, contextSize, demo } = engine.info()
  log.info(`Sightline ${VERSION} answers on http://${config.host === '0.0.0.0'
    ? 'localhost'
    : config.host}:${port} with ${model} on ${device}, ${slots} slots of ${contextSize} tokens`)
  if (demo) log.warn(DEMO_NOTICE)
}
