import { ConfigError, loadConfig } from '../../config/config.ts'

export const GB = 1024 ** 3
/** Bytes of memory that suffice for every setting, so that no test depends on the machine. */
const PLENTY = 4096 * GB

/** Returns the message of the ConfigError that these variables cause, or `accepted`. */
export function messageOf (env: NodeJS.ProcessEnv, memory = PLENTY): string {
  try {
    loadConfig(env, memory)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return 'accepted'
}
