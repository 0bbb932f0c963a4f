/** The logger of the services, compatible with pino and Fastify: data first, then a constant phrase in lower case. */
export type Log = Record<'debug' | 'info' | 'warn' | 'error', (details: object, phrase: string) => void>
