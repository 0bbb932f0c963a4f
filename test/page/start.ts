import root, { type Test } from 'tap'
import type { Engine } from '../../services/engine/engine.ts'
import { createTestEngine, startService, type TestService } from '../helper.ts'
import { createPageTests, type PageTest } from './browser.ts'

let engine: Promise<Engine> | undefined

/**
 * Runs `*.page.ts` one after the other in this process: an engine, a browser and what compiles them take longer to start than each of them runs. One alone:
 * `PAGE=asking npx tap test/page/using.test.ts`.
 */
export async function testPages (...names: string[]): Promise<void> {
  const wanted = names.filter(name => !process.env.PAGE || process.env.PAGE === name)
  const pages = await Promise.all(
    wanted.map(async name => await import(`./${name}.page.ts`) as { default: (t: Test) => Promise<void> })
  )
  // None is waited for before the next one is known: tap would take the first for the last.
  await Promise.all(pages.map(async ({ default: run }, i) => await root.test(wanted[i]!, run)))
}

/** A service that shows the built page, and tests in a browser that looks at it. Engine and browser are those of the process. */
export async function startPage (
  t: Test, env: Record<string, string> = {}
): Promise<{ service: TestService, engine: Engine, pageTest: PageTest }> {
  engine ??= createTestEngine(root)
  const service = await startService(t, env, await engine)
  return { service, engine: await engine, pageTest: createPageTests(t, `${service.url}/`) }
}
