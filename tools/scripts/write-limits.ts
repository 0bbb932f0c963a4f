/**
 * Writes the table of limits in docs/api.md from tools/scripts/limits.ts. A test compares the two and tries each limit.
 *
 *   npm run docs:limits
 */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ROOT } from '../../config/root.ts'
import { withLimitsTable } from './limits.ts'

const api = path.join(ROOT, 'docs/api.md')
writeFileSync(api, withLimitsTable(readFileSync(api, 'utf8')))
