import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { buildApp } from '../../app.ts'
import { loadConfig } from '../../config/config.ts'
import { createEngine } from '../../services/engine/create-engine.ts'
import { blockOtherLoaders } from '../../services/images/sharp.ts'
import { ServiceError } from './client.ts'

export interface OwnService {
  url: string
  close (): Promise<void>
}

/** The command's name for the embedded model. The setting for it is an empty MODEL. */
const DEMO = 'demo'
const STDERR = 2

/**
 * Starts the service in this process, on a free local port, and waits until its model is loaded.
 * @param model preset, path, hf: address or `demo`
 * @param env all other settings
 * @throws ConfigError; ServiceError when the model cannot be served; the reason of `signal`
 */
export async function startOwnService (
  model: string, env: NodeJS.ProcessEnv, signal: AbortSignal
): Promise<OwnService> {
  const config = loadConfig(settingsFor(model, env))
  // Errors appear in the report or end the command with a message, so the log can stay quiet.
  const log = pino(
    {
      level: env.LOG_LEVEL ? config.logLevel : 'fatal',
      ...process.stderr.isTTY &&
      { transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname', destination: STDERR } } }
    },
    ...process.stderr.isTTY ? [] : [pino.destination(STDERR)]
  )
  blockOtherLoaders()
  const engine = createEngine(config, log)
  const app = await buildApp({ config, engine, logger: log })
  const close = async () => { await app.close() }
  // Closing the service also ends the wait for the model.
  signal.addEventListener('abort', close, { once: true })
  try {
    await app.listen({ host: config.host, port: config.port })
    await engine.ready()
    signal.throwIfAborted()
  } catch (error) {
    await close()
    signal.throwIfAborted()
    throw new ServiceError(`The service cannot start: ${(error as Error).message}`)
  }
  const { port } = app.server.address() as AddressInfo
  return { url: `http://${config.host}:${port}`, close }
}

/** Settings for a service with one local client: no keys and no rate limits. */
export function settingsFor (model: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const name = model === DEMO ? '' : model
  // MMPROJ belongs to the MODEL that is set next to it.
  const isOther = model === DEMO || Boolean(env.MODEL && env.MODEL !== model)
  return {
    ...env,
    ...isOther && { MMPROJ: '' },
    MODEL: name,
    // With ENGINE=openai, the upstream has already loaded its models. The name selects one of them.
    ...env.ENGINE === 'openai' && { ENGINE_MODEL: name },
    HOST: '127.0.0.1',
    PORT: '0',
    API_KEYS: '',
    RATE_LIMIT_KEY: '',
    RATE_LIMIT_ADDRESS: ''
  }
}
