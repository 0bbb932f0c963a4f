import { pino } from 'pino'
import type { Engine } from '../services/engine/engine.ts'
import { createLocalEngine, type LocalEngineOptions } from '../services/engine/local-engine.ts'

interface Test { teardown (fn: () => unknown): unknown }

export const silent = pino({ level: process.env.TEST_LOG ?? 'silent' }, process.stderr)

/** The real engine with the embedded model on the CPU, loaded, and closed with the test. */
export async function createTestEngine (t: Test, overrides: Partial<LocalEngineOptions> = {}): Promise<Engine> {
  const engine = createLocalEngine({
    log: silent,
    model: '',
    mmproj: '',
    modelsDir: 'models',
    gpu: 'off',
    threads: 0,
    contextSize: 4096,
    slots: 3,
    imageMinTokens: null,
    imageMaxTokens: null,
    imageCacheBytes: 64 * 1024 * 1024,
    ...overrides
  })
  t.teardown(() => engine.close())
  await engine.ready()
  return engine
}
