import axe from 'axe-core'
import type { Page } from 'playwright-core'

/** The faults that axe-core finds in the current page, one line per rule: WCAG 2.2 AA and axe's best practices. */
export async function accessibilityFaults (page: Page): Promise<string[]> {
  // Evaluated instead of added as a script, because the content security policy blocks foreign scripts.
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(async () => await (window as unknown as { axe: typeof axe }).axe.run(
    document,
    { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'] }
  ))
  return violations.map(({ id, help, nodes }) =>
    `${id}: ${help}: ${nodes.map(node => node.target.join(' ')).join(', ')}`)
}
