import axe from 'axe-core'
import type { Page } from 'playwright-core'

/** What axe-core finds wrong with the page as it is now, a line for each rule; WCAG 2.2 AA and what axe calls best practice. */
export async function accessibilityFaults (page: Page): Promise<string[]> {
  // Evaluated, not added as a script: the content security policy knows no script of strangers.
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(async () => await (window as unknown as { axe: typeof axe }).axe.run(
    document,
    { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'] }
  ))
  return violations.map(({ id, help, nodes }) =>
    `${id}: ${help}: ${nodes.map(node => node.target.join(' ')).join(', ')}`)
}
