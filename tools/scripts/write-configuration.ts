/**
 * Writes the table of settings in docs/operations.md, and .env.example, from config/schema.ts. A test compares them.
 *
 *   npm run docs:configuration
 */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ROOT } from '../../config/root.ts'
import { exampleEnvironment, withConfigurationTable } from './configuration-docs.ts'

const operations = path.join(ROOT, 'docs/operations.md')
writeFileSync(operations, withConfigurationTable(readFileSync(operations, 'utf8')))
writeFileSync(path.join(ROOT, '.env.example'), exampleEnvironment())
