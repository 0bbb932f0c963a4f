/** What the services want of a logger: pino's, and Fastify's. An object first, a constant sentence last. */
export type Log = Record<'debug' | 'info' | 'warn' | 'error', (details: object, sentence: string) => void>
