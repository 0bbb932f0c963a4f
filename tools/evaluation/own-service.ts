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

/** The name of the embedded model, which has none as a setting. */
const DEMO = 'demo'
const STDERR = 2

/**
 * Starts the service in this process, on a free local port, and waits for its model.
 * @param model preset, path, hf: address or `demo`
 * @param env the other settings
 * @throws ConfigError; ServiceError when the model cannot be served; the reason of `signal`
 */
export async function startOwnService (
  model: string, env: NodeJS.ProcessEnv, signal: AbortSignal
): Promise<OwnService> {
  const config = loadConfig(settingsFor(model, env))
  // What goes wrong shows in the report, or ends the command with a sentence.
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
  // What waits for the model ends with it.
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

/** The environment for the one client that there is: on this machine, without keys and limits of requests. */
export function settingsFor (model: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const name = model === DEMO ? '' : model
  // A projector belongs to the model beside which it is set.
  const isOther = model === DEMO || Boolean(env.MODEL && env.MODEL !== model)
  return {
    ...env,
    ...isOther && { MMPROJ: '' },
    MODEL: name,
    // Servers elsewhere have loaded what they have.
    ...env.ENGINE === 'openai' && { ENGINE_MODEL: name },
    HOST: '127.0.0.1',
    PORT: '0',
    API_KEYS: '',
    RATE_LIMIT_KEY: '',
    RATE_LIMIT_ADDRESS: ''
  }
}
