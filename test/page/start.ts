import root, { type Test } from 'tap'
import type { Engine } from '../../services/engine/engine.ts'
import { createTestEngine, startService, type TestService } from '../helper.ts'
import { createPageTests, type PageTest } from './browser.ts'

let engine: Promise<Engine> | undefined

/**
 * Runs `*.page.ts` files one after the other in this process, because starting an engine, a browser and the compiler
 * takes longer than a file. To run one file: `PAGE=asking npx tap test/page/using.test.ts`.
 */
export async function testPages (...names: string[]): Promise<void> {
  const wanted = names.filter(name => !process.env.PAGE || process.env.PAGE === name)
  const pages = await Promise.all(
    wanted.map(async name => await import(`./${name}.page.ts`) as { default: (t: Test) => Promise<void> })
  )
  // All tests are registered before the first is awaited. Otherwise, tap would end after the first.
  await Promise.all(pages.map(async ({ default: run }, i) => await root.test(wanted[i]!, run)))
}

/**
 * Starts a service that serves the built page, and creates browser tests for it. All files share a browser.
 * @param own an engine; by default that of the embedded model, which files share
 */
export async function startPage (
  t: Test, env: Record<string, string> = {}, own?: Engine
): Promise<{ service: TestService, engine: Engine, pageTest: PageTest }> {
  const used = own ?? await (engine ??= createTestEngine(root))
  const service = await startService(t, env, used)
  return { service, engine: used, pageTest: createPageTests(t, `${service.url}/`) }
}
