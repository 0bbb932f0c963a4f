import { testPages } from './start.ts'

await testPages('storage', 'memory', 'arranging')
